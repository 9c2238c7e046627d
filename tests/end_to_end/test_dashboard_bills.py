"""The bills page on a whole house, on both engines: money to the cent, in no month too, and what does not add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from serving.dashboard.queries import bills
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import captions, drawn, metrics, opened, reader, shown, truth, untitled

SERVICES = {"EL": "electricity", "GA": "gas", "OT": "other"}
EVER = date(1990, 1, 1), date(2100, 1, 1)


@pytest.fixture(autouse=True)
def read_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(house, monkeypatch)


def _planted(house: House) -> list[dict[str, str]]:
    return [row for row in truth(house, "monthly_billing") if row["generation"] == "1"]


def test_dated_and_undated_money_is_all_money_to_the_cent(house: House) -> None:
    planted = house.truth["bills"]["generations"]["1"]
    dated = sum(Decimal(row["amount_due"]) for row in _planted(house) if row["month"])
    undated = sum(Decimal(row["amount_due"]) for row in _planted(house) if not row["month"])
    assert undated > 0
    page = opened("bills")
    assert metrics(page)["CAD due, dated lines"] == f"{dated:,.2f}"
    assert metrics(page)["CAD due, no month"] == f"{undated:,.2f}"
    assert dated + undated == Decimal(str(planted["sums"]["amount_due"]))
    lines = planted["period_quality"]
    assert metrics(page)["Bill lines, dated"] == f"{lines['ok'] + lines['zero_length']:,}"
    assert f"{lines['undated']:,} lines without a usable period" in captions(page)
    assert untitled(page) == []


def test_each_month_and_service_has_its_money(house: House) -> None:
    planted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in _planted(house):
        if row["month"]:
            planted[row["month"][:7], SERVICES[row["service_type"]]] += Decimal(row["amount_due"])
    found = {
        (f"{row['month']:%Y-%m}", row["service_type"]): row["amount_due_cad"]
        for row in bills.monthly(*EVER).to_pylist()
    }
    assert found == planted


def test_each_charge_is_all_of_it(house: House) -> None:
    planted = house.truth["bills"]["generations"]["1"]["sums"]
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in [*bills.monthly(*EVER).to_pylist(), *bills.undated().to_pylist()]:
        for name in bills.CHARGES:
            found[name] += row[name] or 0
    assert found == {name: Decimal(str(planted[name.removesuffix("_cad")])) for name in bills.CHARGES}
    assert len(found) == 12


def test_the_charges_that_are_drawn_add_up_to_all(house: House) -> None:
    rows = drawn(opened("bills"), "charge", "cad")
    dated = [row for row in _planted(house) if row["month"]]
    planted = sum(Decimal(row[name.removesuffix("_cad")]) for row in dated for name in bills.CHARGES)
    assert rows["cad"].sum() == pytest.approx(float(planted), abs=0.005)
    assert len(set(rows["charge"])) == 8


def test_each_town_has_its_money_and_the_absent_town_too(house: House) -> None:
    planted: dict[str, Decimal] = defaultdict(Decimal)
    for row in _planted(house):
        if row["month"]:
            planted[row["town"] or bills.NO_TOWN] += Decimal(row["amount_due"])
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in bills.by_town(*EVER).to_pylist():
        found[row["town"]] += row["amount_due_cad"]
    assert found == planted
    assert bills.NO_TOWN in found


def test_estimated_and_unread_lines_are_counted_apart(house: House) -> None:
    ((estimated, unread),) = house.ask(
        "select count(case when is_estimated then 1 end), count(case when is_estimated is null then 1 end) "
        "from {marts}.fct_utility_bills where period_quality in ('ok', 'zero_length')"
    )
    rows = drawn(opened("bills"), "read", "lines").groupby("read")["lines"].sum()
    assert [rows["estimated"], rows["unknown"]] == [estimated, unread]
    assert estimated > 0 and unread > 0
    planted = house.truth["bills"]["generations"]["1"]["period_quality"]
    assert rows.sum() == planted["ok"] + planted["zero_length"]


def test_lines_that_do_not_add_up_are_listed_with_the_money_at_stake(house: House) -> None:
    planted = house.truth["bills"]["generations"]["1"]["rows_by_story"]
    page = opened("bills")
    listed = shown(page, "difference_cad")
    assert len(listed) == planted["invoice line"] > 0
    assert set(listed["amount_due_cad"]) == {0}
    assert list(listed["difference_cad"]) == sorted(listed["difference_cad"], reverse=True)
    # What stands on the invoices' lines is due on their totals: all charges are due, though not line by line.
    assert metrics(page)["CAD at stake"] == metrics(page)["CAD due, no charges stated"] != "0.00"
    assert metrics(page)["Lines that do not add up"] == f"{planted['invoice line']:,}"
    assert f"{planted['invoice total']:,} lines lack the charges" in captions(page)


def test_a_link_restores_the_filters(house: House) -> None:
    months = sorted({row["month"] for row in _planted(house) if row["month"]})[-6:]
    page = opened(
        "bills",
        bills_services=["gas", "other"],
        bills_towns=["WINNIPEG"],
        bills_months=[f"{months[0][:7]}-15", months[-2][:7] + "-02"],
    )
    assert page.multiselect(key="bills_services").value == ["gas", "other"]
    planted = sum(
        Decimal(row["amount_due"])
        for row in _planted(house)
        if row["month"] in months[:-1] and row["town"] == "WINNIPEG" and row["service_type"] in ("GA", "OT")
    )
    assert metrics(page)["CAD due, dated lines"] == f"{planted:,.2f}"


def test_a_wrong_value_in_the_link_is_let_go() -> None:
    page = opened("bills", bills_services=["coal"], bills_towns="' or 1=1 --", bills_months=["2999-01-01", "x"])
    assert page.multiselect(key="bills_services").value == page.multiselect(key="bills_towns").value == []
    assert metrics(page) == metrics(opened("bills"))


def test_a_choice_without_bills_says_so() -> None:
    page = opened("bills", bills_services=["gas"], bills_towns=[bills.NO_TOWN])
    words = [info.value for info in page.info]
    assert "No dated bill line in these months for what is chosen." in words
    assert "Every bill line of what is chosen has a month." in words
    assert metrics(page)["% of lines estimated"] == "no data"
