"""The capacity page on a whole house, on both engines: best cycles, constrained locations and revisions as planted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from serving.dashboard.queries import capacity
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import drawn, metrics, opened, reader, shown, truth, untitled

EVER = date(2021, 3, 1), date(2021, 4, 30)
ASSETS = ["TW", "FEP"]


@pytest.fixture(autouse=True)
def read_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(house, monkeypatch)


def _best(house: House) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["asset"], row["gas_day"]): row for row in truth(house, "capacity_best_available")}


def test_each_gas_day_has_the_quantities_of_its_best_cycle(house: House) -> None:
    best = _best(house)
    page = opened("capacity", capacity_days=["2021-03-12", "2021-04-06"])
    rows = shown(page, "known_locations")
    scheduled: dict[tuple[str, str], float] = defaultdict(float)
    available: dict[tuple[str, str], float] = defaultdict(float)
    places: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows.itertuples():
        key = row.asset, f"{row.gas_day:%Y-%m-%d}"
        scheduled[key] += row.scheduled_quantity_dth
        available[key] += row.available_capacity_dth
        places[key] += row.locations
    assert scheduled == {key: float(row["tsq_dth"]) for key, row in best.items()}
    assert available == {key: float(row["oac_dth"]) for key, row in best.items()}
    assert places == {key: int(row["row_count"]) for key, row in best.items()}
    assert untitled(page) == []


def test_the_best_cycle_of_each_day_is_named(house: House) -> None:
    found = {
        (row["asset"], f"{row['gas_day']}"): (row["cycle_name"], row["locations"])
        for row in capacity.best_cycles(*EVER, ASSETS).to_pylist()
    }
    assert found == {key: (row["cycle_name"], int(row["row_count"])) for key, row in _best(house).items()}
    assert {name for name, _ in found.values()} == {"Final", "Intraday 3", "Evening"}


def test_utilisation_is_scheduled_over_operating_capacity_as_posted(house: House) -> None:
    best = {(asset, day, row["cycle"]) for (asset, day), row in _best(house).items()}
    now = house.truth["now"].replace("T", " ")[:19]
    standing = {
        (row["asset"], row["gas_day"], row["cycle"], row["version"])
        for row in truth(house, "capacity_postings")
        if row["posted_at"] <= now and (not row["replaced_at"] or row["replaced_at"] > now)
    }
    planted = {
        (row["asset"], row["gas_day"], row["loc"], {"D": "delivery", "R": "receipt"}[row["flow_ind"]]): row
        for row in truth(house, "capacity_rows")
        if (row["asset"], row["gas_day"], row["cycle"], row["version"]) in standing
        and (row["asset"], row["gas_day"], row["cycle"]) in best
    }
    rows = drawn(opened("capacity", capacity_days=["2021-03-12", "2021-04-06"]), "utilisation_ratio", "place")
    compared = 0
    for row in rows.dropna(subset=["utilisation_ratio"]).itertuples():
        posted = planted[row.asset, f"{row.gas_day:%Y-%m-%d}", row.loc, row.flow_direction]
        assert row.utilisation_ratio == pytest.approx(int(posted["tsq"]) / int(posted["opc"]), abs=1e-6)
        compared += 1
        # Nothing left of an operating capacity above 0 is constrained by any reading of the rule.
        if int(posted["opc"]) > 0 and int(posted["tsq"]) >= int(posted["opc"]):
            assert row.is_constrained
    assert compared > 500
    assert rows["place"].nunique() == rows["name"].nunique() == capacity.ROWS


def test_constrained_location_days_are_listed(house: House) -> None:
    page = opened("capacity", capacity_days=["2021-03-12", "2021-04-06"])
    rows = shown(page, "zone")
    ((count,),) = house.ask(
        "select count(*) from {marts}.capacity_utilisation where is_best_available and is_constrained"
    )
    assert len(rows) == count > 0
    assert metrics(page)["Constrained (location days)"] == f"{count:,}"
    assert (rows["available_capacity_dth"].fillna(0) == 0).all()


def test_each_step_from_cycle_to_cycle_is_what_was_planted(house: House) -> None:
    found = {
        (row["asset"], f"{row['gas_day']}", row["cycle_id"]): (
            row["revised_locations"], row["increase_dth"], row["decrease_dth"], row["scheduled_change_dth"],
        )
        for row in capacity.steps(*EVER, ASSETS).to_pylist()
        if not row["is_repost"]
    }  # fmt: skip
    planted = {
        (row["asset"], row["gas_day"], row["cycle"]): (
            int(row["changed_rows"]), Decimal(row["increase_dth"]), Decimal(row["decrease_dth"]),
            Decimal(row["change_dth"]),
        )
        for row in truth(house, "capacity_revisions")
    }  # fmt: skip
    assert found == planted


def test_the_revisions_of_a_gas_day_are_those_of_the_link(house: House) -> None:
    page = opened("capacity", capacity_assets=["TW"], capacity_revised_day="2021-03-20")
    rows = shown(page, "previous_scheduled_quantity_dth")
    changed = rows[rows["change"] == "changed"]
    planted = [
        row for row in truth(house, "capacity_revisions") if (row["asset"], row["gas_day"]) == ("TW", "2021-03-20")
    ]
    assert len(changed) == sum(int(row["changed_rows"]) for row in planted) > 0
    assert changed["scheduled_change_dth"].sum() == sum(int(row["change_dth"]) for row in planted)
    sizes = list(changed["scheduled_change_dth"].abs())
    assert sizes == sorted(sizes, reverse=True)


def test_a_link_restores_the_filters(house: House) -> None:
    page = opened("capacity", capacity_assets=["FEP"], capacity_days=["2021-03-15", "2021-03-16"])
    assert page.multiselect(key="capacity_assets").value == ["FEP"]
    rows = shown(page, "known_locations")
    best = _best(house)
    assert set(rows["asset"]) == {"FEP"}
    assert rows["scheduled_quantity_dth"].sum() == sum(
        int(best["FEP", day]["tsq_dth"]) for day in ("2021-03-15", "2021-03-16")
    )


def test_a_wrong_value_in_the_link_is_let_go() -> None:
    page = opened(
        "capacity", capacity_assets=["XX"], capacity_days=["2021-13-01", "2021-03-16"], capacity_locations="nowhere",
        capacity_directions="up", capacity_revised_day="1900-01-01",
    )  # fmt: skip
    assert [page.multiselect(key=f"capacity_{name}").value for name in ("assets", "locations", "directions")] == [
        []
    ] * 3


def test_days_without_a_constrained_location_say_so(house: House) -> None:
    ((count,),) = house.ask(
        "select count(*) from {marts}.capacity_utilisation where is_best_available and is_constrained "
        "and gas_day = '2021-03-12' and flow_direction = 'receipt'"
    )
    assert count == 0
    page = opened("capacity", capacity_days=["2021-03-12", "2021-03-12"], capacity_directions=["receipt"])
    assert "No location of what is chosen is constrained in these gas days." in [info.value for info in page.info]
