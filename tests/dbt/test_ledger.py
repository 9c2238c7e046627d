"""What the ledgers say of the hand-made world."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tests.dbt.conftest import Built


def test_whatever_could_not_be_parsed_stands_with_its_text(built: Built) -> None:
    found = sorted(
        (
            row["_source_file"],
            row["_source_row"],
            row["column_name"],
            row["raw_column"],
            row["original_text"],
            row["is_masked"],
        )
        for row in built.now["ledger.parse_failures"]
    )
    assert found == sorted(
        [
            ("bills/1.json", 8, "service_from_date", "service_from_date", "2021-02-30T00:00:00.000", False),
            ("bills/1.json", 8, "days_of_service", "days_of_service", "2.5", False),
            ("bills/1.json", 8, "billing_units", "billing_units", "NaN", False),
            ("bills/1.json", 8, "gst_cad", "gst", "1e400", False),
            ("bills/1.json", 8, "pst_cad", "pst", "0x1F", False),
            ("bills/1.json", 8, "city_tax_cad", "city_tax", "1_000", False),
            ("bills/1.json", 8, "adjustment_cad", "adjustment", "12,34", False),
            ("readings/1.json", 2, "starts_at", "interval_start", "2021-02-30 00:30:00", False),
            ("readings/1.json", 2, "consumption_kwh", "consumption or consumption_delta", "Infinity", False),
            # An agreement points to a person: only the length is shown.
            ("database/1.sqlite", 1, "agreement_id", "agreement_id", "(5 characters)", True),
            ("database/1.sqlite", 1, "is_variable", "is_variable", "maybe", False),
        ]
    )


def test_a_parse_failure_leads_to_its_file(built: Built) -> None:
    found = {row["_source_file"]: row["uri"] for row in built.now["ledger.parse_failures"]}
    assert found == {
        "bills/1.json": "file:///bills/1.json",
        "readings/1.json": "file:///readings/1.json",
        # Of this one the list of files knows nothing.
        "database/1.sqlite": None,
    }


def test_drift_is_reported_and_stops_nothing(built: Built) -> None:
    found = sorted(
        (row["table_name"], row["column_name"], row["kind"], row["declared_as"], row["is_current"], row["files"])
        for row in built.now["ledger.schema_drift"]
    )
    assert found == [
        ("meter_readings", "meterpoint_id", "missing", "meterpoint_id", True, 1),
        ("utility_billing", "Town", "respelled", "town", False, 1),
        ("utility_billing", "brand_new", "undeclared", None, True, 1),
        ("utility_billing", "goods_tax", "undeclared", None, False, 1),
        ("utility_billing", "gst", "missing", "gst", False, 1),
        # In the second and in the third delivery.
        ("utility_billing", "pst", "missing", "pst", True, 2),
    ]
    (pst,) = [row for row in built.now["ledger.schema_drift"] if row["column_name"] == "pst"]
    assert (pst["first_landed_at"], pst["last_landed_at"]) == (
        datetime(2021, 1, 7, 6, 13),
        datetime(2021, 5, 2, 23, 59),
    )
    assert (pst["first_load_id"], pst["last_load_id"]) == ("1610000000.1", "1620000000.1")


def test_history_knows_how_each_run_ended(built: Built) -> None:
    found = {
        (row["run_id"], row["status"], row["code"], row["duration_s"], row["rows_landed"], row["problems"])
        for row in built.now["ledger.load_history"]
        if row["kind"] == "landing"
    }
    assert found == {
        ("run-1", "partial", "DATA_JSON_SYNTAX", Decimal("90.250000"), 5, 1),
        # Killed: it never finished, and a later landing began.
        ("run-2", "abandoned", None, None, None, 0),
        ("run-3", "unchanged", None, Decimal("1.000000"), None, 0),
        # Begun together, and neither has ended.
        ("run-4", "running", None, None, None, 0),
        ("run-5", "running", None, None, None, 0),
    }


def test_a_problem_leads_to_its_place_in_a_file(built: Built) -> None:
    (row,) = built.now["ledger.landing_problems"]
    assert (row["uri"], row["source_row"], row["source_column"]) == ("file:///bad.json", 17, None)
    assert row["occurred_at"] == datetime(2021, 1, 1, 0, 0, 30)
