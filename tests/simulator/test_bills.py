"""What sources.md asks of a sample of bills, counted from the bytes with code of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, str]

CHARGES = [
    "basic_charge",
    "primary_other",
    "supplemental",
    "transportation",
    "distribution",
    "frp_refund",
    "city_tax",
    "gst_on_city_tax",
    "carbon_charge",
    "pst",
    "gst",
    "adjustment",
]


def read_rows(path: Path) -> list[Row]:
    found: list[Row] = json.loads(path.read_bytes())
    return found


@pytest.fixture(scope="module")
def rows(default_world: Path) -> list[Row]:
    return read_rows(default_world / "winnipeg_billing" / "generation_1.json")


@pytest.fixture(scope="module")
def second(default_world: Path) -> list[Row]:
    return read_rows(default_world / "winnipeg_billing" / "generation_2.json")


def number(row: Row, name: str) -> Decimal:
    return Decimal(row.get(name) or "0")


def charges(row: Row) -> Decimal:
    return sum((number(row, name) for name in CHARGES), Decimal(0))


def identity(row: Row) -> tuple[tuple[str, str], ...]:
    ids = (":id", ":created_at", ":updated_at", "hydro_gas_id")
    return tuple(sorted((name, value) for name, value in row.items() if name not in ids))


def test_every_value_is_a_string_and_nulls_are_left_out(rows: list[Row]) -> None:
    assert {type(value) for row in rows for value in row.values()} == {str}
    assert len({frozenset(row) for row in rows}) > 10
    assert not any(value == "null" for row in rows for value in row.values())


def test_rows_stand_one_per_line_in_the_framing_of_socrata(default_world: Path, rows: list[Row]) -> None:
    content = (default_world / "winnipeg_billing" / "generation_1.json").read_bytes()
    assert content.startswith(b'[{":id":"row-')
    assert content.endswith(b"}]\n")
    assert content.count(b"}\n,{") == len(rows) - 1


def test_only_the_row_identifiers_are_unique(rows: list[Row]) -> None:
    assert len({row[":id"] for row in rows}) == len(rows)
    assert len({row["hydro_gas_id"] for row in rows}) == len(rows)
    assert [row[":id"] for row in rows] == sorted(row[":id"] for row in rows)
    assert [int(row["hydro_gas_id"]) for row in rows] != sorted(int(row["hydro_gas_id"]) for row in rows)
    assert len({row[":updated_at"] for row in rows}) == 63, "one stamp per batch: it orders nothing within one"


def test_legitimate_duplicates_differ_only_in_their_id(rows: list[Row], truth: dict[str, Any]) -> None:
    groups = [size for size in Counter(map(identity, rows)).values() if size > 1]
    assert max(groups) == 248
    assert {"groups": len(groups), "rows": sum(groups), "largest": max(groups)} == truth["bills"]["identical_groups"]


def test_the_business_key_is_not_unique_either(rows: list[Row]) -> None:
    names = ("account_number", "meter_number", "actual_service_type", "service_from_date", "service_to_date")
    groups = Counter(tuple(row.get(name) for name in names) for row in rows)
    identical = sum(1 for size in Counter(map(identity, rows)).values() if size > 1)
    assert sum(1 for size in groups.values() if size > 1) > identical


def test_an_invoice_is_many_zero_lines_and_one_line_with_the_total(rows: list[Row], truth: dict[str, Any]) -> None:
    unbalanced = [row for row in rows if charges(row) != number(row, "amount_due")]
    lines = [row for row in unbalanced if row["amount_due"] == "0"]
    totals = [row for row in unbalanced if row["amount_due"] != "0"]
    assert len(totals) == 63, "one invoice a month"
    assert len(lines) == 63 * 12
    assert sum(charges(row) for row in lines) == sum(number(row, "amount_due") for row in totals)
    assert max(number(row, "amount_due") for row in totals) > 10_000
    assert len(unbalanced) == truth["bills"]["generations"]["1"]["not_balanced_rows"]


def test_corrections_are_negative(rows: list[Row]) -> None:
    negative = [row for row in rows if number(row, "billing_units") < 0]
    assert len(negative) == 63
    assert all(number(row, "amount_due") < 0 for row in negative)
    assert min(number(row, "billing_units") for row in negative) >= -1600


def test_account_numbers_have_fourteen_digits_and_come_back(rows: list[Row]) -> None:
    assert {len(row["account_number"]) for row in rows} == {14}
    assert len({row["account_number"] for row in rows}) < len(rows) / 10


def test_dates_are_missing_on_unmetered_items_only(rows: list[Row]) -> None:
    undated = [row for row in rows if "service_from_date" not in row]
    assert len(undated) > 500
    assert {row["actual_service_type"] for row in undated} == {"OT"}
    assert not any("service_to_date" in row or "meter_number" in row for row in undated)


def test_one_numeric_is_an_empty_string_here_and_there(rows: list[Row]) -> None:
    empty = [(name, value) for row in rows for name, value in row.items() if not value]
    assert empty == [("adjustment", "")] * 3


def test_days_of_service_are_the_days_between_the_dates(rows: list[Row]) -> None:
    seen = Counter()
    for row in rows:
        if "service_from_date" in row:
            first, last = (date.fromisoformat(row[name][:10]) for name in ("service_from_date", "service_to_date"))
            assert int(row["days_of_service"]) == (last - first).days
            seen[(last - first).days] += 1
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\.000", row["service_to_date"])
    assert {0, 28, 29, 30, 31} < set(seen)
    assert max(seen) in (61, 62)


def test_service_codes_reading_codes_and_towns(rows: list[Row]) -> None:
    kinds = Counter(row["actual_service_type"] for row in rows)
    assert set(kinds) == {"EL", "GA", "OT"}
    electric = [row for row in rows if row["actual_service_type"] == "EL"]
    assert 0.35 < sum("meter_number" not in row for row in electric) / len(electric) < 0.55
    assert {row.get("read_code") for row in rows} == {None, "A", "E", "C"}
    assert Counter(row.get("town") for row in rows).most_common(1)[0][0] == "WINNIPEG"
    assert any("rate" not in row for row in rows)
    assert any("demand_billing" in row for row in rows)


def test_persons_are_invented(rows: list[Row]) -> None:
    assert all(row["customer_name"].startswith("Invented ") for row in rows)
    assert all(" NOWHERE " in row["service_address"] for row in rows)


def test_the_count_is_a_multiple_of_a_page(rows: list[Row], truth: dict[str, Any]) -> None:
    assert len(rows) == 12_000
    assert truth["bills"]["page_sizes_that_divide_the_count"] == [500, 1000, 2000, 4000]


def test_a_second_pull_finds_rows_changed_gone_and_new(
    default_world: Path, rows: list[Row], second: list[Row], truth: dict[str, Any]
) -> None:
    before = {row[":id"]: row for row in rows}
    deleted = (default_world / "winnipeg_billing" / "generation_2_deleted.txt").read_text().split()
    changed = [row for row in second if row[":id"] in before]
    assert len(changed) == truth["bills"]["changed"] > 50
    assert all(row["amount_due"] != before[row[":id"]]["amount_due"] for row in changed)
    assert all(row[":updated_at"] > before[row[":id"]][":updated_at"] for row in changed)
    assert len(second) - len(changed) == truth["bills"]["new"] > 50
    assert len(deleted) == truth["bills"]["deleted"] > 10
    assert set(deleted) <= set(before) - {row[":id"] for row in second}
    new = sorted(row[":id"] for row in second if row[":id"] not in before)
    assert new[0] < max(before), "new rows sort in between the old ones"
