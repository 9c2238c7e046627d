"""The marts say what the simulator put into its deliveries: its truth was added up while generating, not by SQL."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from tests.end_to_end.conftest import House

CHARGES = (
    "basic_charge", "primary_other", "supplemental", "transportation", "distribution", "frp_refund", "city_tax",
    "gst_on_city_tax", "carbon_charge", "pst", "gst", "adjustment", "amount_due",
)  # fmt: skip
SERVICES = {"EL": "electricity", "GA": "gas", "OT": "other"}


def truth_rows(house: House, name: str) -> list[dict[str, str]]:
    with (house.world / f"truth_{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def same(found: Iterable[tuple[Any, ...]], expected: Iterable[tuple[Any, ...]]) -> None:
    """The same rows, whatever the order; fails showing a few that only one side has."""
    left, right = set(found), set(expected)
    assert right, "nothing is expected: the comparison would prove nothing"
    assert (sorted(left - right, key=str)[:5], sorted(right - left, key=str)[:5]) == ([], [])


def money(value: object) -> Decimal:
    """In the mart a charge that no line carries is null; in the truth it is 0.00."""
    return Decimal(str(value or 0))


def test_every_reading_is_there_with_its_kwh(house: House) -> None:
    meters = house.truth["meters"]
    found = house.query(
        "select has_agreement, count(*), sum(consumption_kwh) from marts.fct_meter_readings group by 1 order by 1"
    )
    unmapped = (meters["unmapped"]["rows"], Decimal(str(meters["unmapped"]["consumption_kwh"])))
    mapped = (meters["rows"] - unmapped[0], Decimal(str(meters["consumption_kwh"])) - unmapped[1])
    assert found == [(False, *unmapped), (True, *mapped)]


def test_half_hours(house: House) -> None:
    same(
        house.query(
            "select cast(starts_at as varchar), cast(local_date as varchar), meterpoint_count, consumption_kwh, "
            "unmapped_meterpoint_count, unmapped_consumption_kwh from marts.half_hourly_consumption"
        ),
        (
            (
                row["starts_at"], row["local_date"], int(row["meterpoint_count"]), Decimal(row["consumption_kwh"]),
                int(row["unmapped_meterpoint_count"]), Decimal(row["unmapped_kwh"]),
            )
            for row in truth_rows(house, "half_hourly")
        ),
    )  # fmt: skip


def test_days_of_meter_points(house: House) -> None:
    same(
        house.query(
            "select meterpoint_id, cast(local_date as varchar), cast(agreement_id as varchar), reading_count, "
            "expected_interval_count, consumption_kwh from marts.daily_meterpoint_consumption"
        ),
        (
            (
                row["meterpoint_id"], row["local_date"], row["agreement_id"] or None, int(row["intervals"]),
                int(row["expected_intervals"]), Decimal(row["consumption_kwh"]),
            )
            for row in truth_rows(house, "daily_meterpoint")
        ),
    )  # fmt: skip


def test_days_of_products(house: House) -> None:
    same(
        house.query(
            "select cast(local_date as varchar), product_display_name, meterpoint_count, reading_count, "
            "consumption_kwh from marts.daily_product_consumption"
        ),
        (
            (
                row["local_date"], row["product_display_name"], int(row["meterpoint_count"]), int(row["intervals"]),
                Decimal(row["consumption_kwh"]),
            )
            for row in truth_rows(house, "daily_product")
        ),
    )  # fmt: skip


def test_days_of_the_clock_change_have_46_and_50_half_hours(house: House) -> None:
    days = house.query(
        "select cast(local_date as varchar), count(*) from marts.half_hourly_consumption "
        "where local_date in ('2020-10-24', '2020-10-25', '2021-03-28') group by 1 order by 1"
    )
    assert days == [("2020-10-24", 48), ("2020-10-25", 50), ("2021-03-28", 46)]


def test_gaps(house: House) -> None:
    same(
        house.query(
            "select meterpoint_id, cast(starts_at as varchar), cast(ends_at as varchar), missing_interval_count "
            "from ledger.interval_gaps"
        ),
        (
            (row["meterpoint_id"], row["starts_at"], row["ends_at"], int(row["intervals"]))
            for row in truth_rows(house, "gaps")
        ),
    )


@pytest.mark.parametrize("day", ["2021-01-01", "2020-10-25"])
def test_agreements_of_another_reference_date(new_house: House, day: str) -> None:
    new_house.dbt("build", "--select", "active_agreements", "--vars", f"{{reference_date: {day}}}")
    same(
        new_house.query("select agreement_id, meterpoint_id, display_name, is_variable from marts.active_agreements"),
        (
            (int(row["agreement_id"]), row["meterpoint_id"], row["display_name"], row["is_variable"] == "1")
            for row in truth_rows(new_house, "active_agreements")
            if row["reference_date"] == day
        ),
    )


def billing_is_of_generation(house: House, generation: int) -> None:
    """Every bill, and each charge of each month to the cent, as of one edition of the data set."""
    truth = house.truth["bills"]["generations"][str(generation)]
    sums = ", ".join(f"sum({name}_cad)" for name in CHARGES)
    ((bills, *totals),) = house.query(f"select count(*), {sums} from marts.fct_utility_bills")
    assert bills == truth["rows"]
    assert [money(total) for total in totals] == [Decimal(truth["sums"][name]) for name in CHARGES]
    found = house.query(
        "select coalesce(substr(cast(month as varchar), 1, 7), ''), coalesce(town, ''), service_type, bill_shares, "
        f"{', '.join(f'{name}_cad' for name in CHARGES)} from marts.monthly_billing"
    )
    same(
        ((*row[:4], *map(money, row[4:])) for row in found),
        (
            (
                row["month"], row["town"], SERVICES[row["service_type"]], int(row["lines"]),
                *(Decimal(row[name]) for name in CHARGES),
            )
            for row in truth_rows(house, "monthly_billing")
            if row["generation"] == str(generation)
        ),
    )  # fmt: skip


def test_bills_and_their_months(house: House) -> None:
    billing_is_of_generation(house, 1)


def test_a_restated_data_set_replaces_what_it_restates(landed_house: House) -> None:
    """The second edition changes, deletes and adds bills; the first stays in raw as what was known before."""
    landed_house.build()
    billing_is_of_generation(landed_house, 1)
    landed_house.land(generation=2)
    landed_house.build()
    billing_is_of_generation(landed_house, 2)
    deleted = landed_house.query("select count(distinct _id) from raw.utility_billing_deletions")
    assert deleted == [(landed_house.truth["bills"]["deleted"],)]
