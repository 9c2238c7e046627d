"""Bills from raw to marts."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.dbt.conftest import TABLES, Built
from tests.dbt.world import BETWEEN_FIRST_AND_SECOND, personal, pseudonym

BILLS = "marts.fct_utility_bills"


def bills(built: Built) -> dict[str, dict[str, Any]]:
    return {row["bill_id"]: row for row in built.now[BILLS]}


def test_the_latest_completed_version_stands(built: Built) -> None:
    found = bills(built)
    # row-2 was published again, row-3 deleted and returned, row-9 deleted; row-13 has no identifier.
    assert sorted(found) == sorted(f"row-{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12))
    assert {name: found[name]["amount_due_cad"] for name in ("row-1", "row-2", "row-3")} == {
        "row-1": Decimal("1000.00"), "row-2": Decimal("21.00"), "row-3": Decimal("33.00"),
    }  # fmt: skip
    assert found["row-2"]["_source_file"] == "bills/2.json"


def test_each_landed_version_says_what_became_of_it(built: Built) -> None:
    versions = built.now["intermediate.int_bill_versions"]
    found = sorted((str(row["bill_id"]), row["_source_file"], row["status"]) for row in versions)
    changed = [row for row in found if row[0] in ("None", "row-2", "row-3", "row-9")]
    assert changed == [
        ("None", "bills/1.json", "rejected"),
        ("row-2", "bills/1.json", "superseded"),
        ("row-2", "bills/2.json", "kept"),
        ("row-3", "bills/1.json", "deleted"),
        ("row-3", "bills/2-ids.json", "deletion"),
        ("row-3", "bills/3.json", "kept"),
        ("row-9", "bills/1.json", "deleted"),
        ("row-9", "bills/2-ids.json", "deletion"),
    ]
    # 13 in the first load, noted twice by dlt; 1 and 2 in the second, 1 in the third; none of the killed ones.
    assert len(found) == 17


def test_known_at_gives_the_marts_of_that_day(built: Built) -> None:
    earlier = {row["bill_id"]: row for row in built.earlier[BILLS]}
    assert sorted(earlier) == sorted(f"row-{number}" for number in range(1, 13))
    assert earlier["row-2"]["amount_due_cad"] == Decimal("20.00")
    assert earlier["row-3"]["amount_due_cad"] == Decimal("30.00")
    assert BETWEEN_FIRST_AND_SECOND > "2020-09-13"
    # Pseudonyms are no knowledge about the world: those of then and now are the same.
    assert earlier["row-1"]["account_key"] == bills(built)["row-1"]["account_key"]


def test_every_column_is_typed_and_personal_ones_are_pseudonyms(built: Built) -> None:
    row = bills(built)["row-1"]
    people = personal(1)
    assert {name: value for name, value in row.items() if value is not None} == {
        "bill_id": "row-1",
        "hydro_gas_id": 1,
        "account_key": pseudonym(people["account_number"]),
        "customer_key": pseudonym(people["customer_name"]),
        "ssc_key": pseudonym(people["ssc_number"]),
        "customer_information_key": pseudonym(people["customer_information"]),
        "premise_key": pseudonym(people["service_address"]),
        "meter_key": pseudonym(people["meter_number"]),
        "town": "WINNIPEG",
        "service_code": "EL",
        "service_type": "electricity",
        "rate_code": "KS01",
        "read_code": "A",
        "read_type": "actual",
        "billing_units_unit": "kWh",
        "period_quality": "ok",
        "period_days": 31,
        "days_of_service": 31,
        "billing_units": Decimal("100.000000"),
        "basic_charge_cad": Decimal("1000.50"),
        "gst_cad": Decimal("-0.50"),
        "charges_total_cad": Decimal("1000.00"),
        "amount_due_cad": Decimal("1000.00"),
        "difference_cad": Decimal("0.00"),
        "is_estimated": False,
        "has_meter": True,
        "is_balanced": True,
        "service_from_date": date(2021, 1, 1),
        "service_to_date": date(2021, 2, 1),
        "created_at": datetime(2021, 2, 1, 9),
        "updated_at": datetime(2021, 2, 1, 9),
        "_source_file": "bills/1.json",
        "_source_row": 1,
        "_dlt_load_id": "1600000000.1",
    }


def test_no_personal_value_reaches_marts_or_ledger(built: Built) -> None:
    for table in TABLES:
        if not table.startswith("intermediate."):
            text = str(built.now[table]).lower()
            assert "canary" not in text, table
            assert "0071234567890" not in text, table


def test_services_and_readings_are_classified(built: Built) -> None:
    found = {
        name: (row["service_type"], row["billing_units_unit"], row["read_type"], row["is_estimated"], row["has_meter"])
        for name, row in bills(built).items()
        if name in ("row-1", "row-2", "row-3", "row-4", "row-11", "row-12")
    }
    assert found == {
        "row-1": ("electricity", "kWh", "actual", False, True),
        "row-2": ("electricity", "kWh", "actual", False, True),
        # Electricity without a meter is billed by fixtures.
        "row-3": ("electricity", "fixtures", "actual", False, False),
        "row-4": ("other", "fixtures", "actual", False, False),
        "row-11": ("gas", "m3", "estimated", True, True),
        # Unknown is said, not guessed; a blank meter number is none.
        "row-12": ("unmapped", "unknown", None, None, False),
    }


def test_periods_that_cannot_be_spread_are_named(built: Built) -> None:
    found = {name: row["period_quality"] for name, row in bills(built).items() if row["period_quality"] != "ok"}
    # row-8: 30 February is no day.
    assert found == {
        "row-4": "undated", "row-5": "reversed", "row-6": "zero_length", "row-7": "over_400_days", "row-8": "undated",
    }  # fmt: skip


def test_equal_looking_lines_stay_apart(built: Built) -> None:
    # row-9 and row-10 were equal; only the deleted one is gone.
    assert "row-9" in {row["bill_id"] for row in built.earlier[BILLS]}
    assert "row-10" in bills(built)


def test_months_add_up_to_the_bills(built: Built) -> None:
    months = built.now["marts.monthly_billing"]
    assert sum(row["bills"] for row in months) == 11
    assert sum(row["amount_due_cad"] or 0 for row in months) == sum(
        row["amount_due_cad"] or 0 for row in built.now[BILLS]
    )
    named = {
        row["period_bucket"]: row["bills"] for row in months if row["month"] is None and row["service_type"] != "other"
    }
    assert named == {"undated": 1, "reversed": 1, "over_400_days": 1}
    (january,) = [
        row
        for row in months
        if (row["month"], row["service_type"], row["town"]) == (date(2021, 1, 1), "electricity", "WINNIPEG")
    ]
    # 1000 + 21 + 33 + 10 (zero length, whole) + 10.
    assert (january["bills"], january["amount_due_cad"]) == (5, Decimal("1074.00"))
    assert (january["billing_units_kwh"], january["billing_units_fixtures"]) == (
        Decimal("200.000000"), Decimal("300.000000"),
    )  # fmt: skip


def test_accounts_are_counted_under_their_newest_pseudonym(built: Built) -> None:
    accounts = {row["account_key"]: row for row in built.now["marts.dim_billing_accounts"]}
    assert sorted(accounts) == sorted(pseudonym(personal(number)["account_number"]) for number in (1, 2, 11))
    eleventh = accounts[pseudonym(personal(11)["account_number"])]
    assert (eleventh["bills"], eleventh["has_gas"], eleventh["has_electricity"], eleventh["town"]) == (
        1,
        True,
        False,
        None,
    )


def test_a_declared_column_that_raw_lost_is_null(built: Built) -> None:
    assert {row["high_demand"] for row in built.now[BILLS]} == {None}


def test_engines_build_the_same_rows(duckdb_built: Built, postgres_built: Built) -> None:
    for table in TABLES:
        ours, theirs = duckdb_built.now[table], postgres_built.now[table]
        assert [list(row) for row in ours[:1]] == [list(row) for row in theirs[:1]], table
        # The names and clocks of dbt's own runs differ, and theirs alone: landings are those of the story.
        own = {"run_id", "duration_s", "started_at", "finished_at"}
        key = lambda row: repr([v for n, v in row.items() if row.get("kind") != "build" or n not in own])  # noqa: E731, B023
        assert sorted(map(key, ours)) == sorted(map(key, theirs)), table
        assert ours, table
