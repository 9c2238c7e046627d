"""What the inspection asks, word for word, and what it will not ask."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from serving.dictionary import Described, Entry
from serving.inspection import InspectionError, Where, conditions, seen, typed
from serving.published import Column

BILLS = Described("staging", "bills", None, {"name": Entry(pii="direct"), "town": Entry(pii="quasi")})
COLUMNS = [
    Column("name", "varchar", None),
    Column("town", "varchar", None),
    Column('odd "name"', "text", None),
    Column("amount", "decimal(18,2)", None),
    Column("day", "date", None),
    Column("at", "timestamp without time zone", None),
    Column("is_estimated", "boolean", None),
]
LISTED = (
    "select 'masked' as \"name\", \"town\", \"odd \"\"name\"\"\", \"amount\", \"day\", \"at\", \"is_estimated\" from t"
)  # fmt: skip


def asked(*where: Where) -> tuple[str, dict[str, Any]]:
    condition, parameters = conditions(BILLS, COLUMNS, where)
    sqls: list[str] = []

    def ask(sql: str) -> pa.Table:
        sqls.append(sql)
        return pa.table({"town": ["Cagliari"] * 11})

    found = seen(ask, "t", BILLS, COLUMNS, condition, 10)
    assert (found.table.num_rows, found.is_truncated) == (10, True)
    return sqls[0], parameters


def test_names_are_quoted_and_values_are_parameters() -> None:
    assert asked() == (f"{LISTED} limit 11", {})
    assert asked(Where("town", "=", "'; drop table t; --"), Where('odd "name"', "contains", "A%")) == (
        f'{LISTED} where cast("town" as varchar) = $value_a '
        'and strpos(lower(cast("odd ""name""" as varchar)), $value_b) > 0 limit 11',
        {"value_a": "'; drop table t; --", "value_b": "a%"},
    )


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("amount", " -12.50 ", Decimal("-12.50")),
        ("day", "2021-03-28", date(2021, 3, 28)),
        ("at", "2021-03-28T01:00:00Z", datetime(2021, 3, 28, 1)),  # noqa: DTZ001
        ("at", "2021-03-28 03:00+02:00", datetime(2021, 3, 28, 1)),  # noqa: DTZ001
        ("is_estimated", "True", True),
        ("town", "", ""),
    ],
)
def test_a_value_is_read_by_the_type_of_its_column(column: str, text: str, value: object) -> None:
    _, parameters = asked(Where(column, "=", text))
    assert parameters == {"value_a": value}


@pytest.mark.parametrize(
    "where",
    [
        Where("amount", ">", "NaN"),
        Where("amount", ">", "1e5"),
        Where("amount", ">", "1; select 1"),
        Where("day", "=", "30.2.2021"),
        Where("at", "<", "yesterday"),
        Where("is_estimated", "=", "perhaps"),
        Where("town", "contains", "a" * 201),
        Where("town", "=", "a\0b"),
        Where("town", "or", "x"),
        Where("name", "is empty"),
        Where("name", "=", "x"),
        Where("Town", "=", "x"),
        Where('town" or "town', "=", "x"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(where: Where) -> None:
    with pytest.raises(InspectionError, match=r"FILTER_VALUE|NO_SUCH_COLUMN"):
        asked(where)


def test_values_of_a_row_are_read_by_the_types_of_its_columns_and_what_is_not_written_is_null() -> None:
    written = {"amount": "12.50", "day": "2021-03-28", "town": "Cagliari"}
    assert typed(written, COLUMNS, ("amount", "at", "day")) == {
        "amount": Decimal("12.50"), "at": None, "day": date(2021, 3, 28),
    }  # fmt: skip
    with pytest.raises(InspectionError, match="FILTER_VALUE"):
        typed({"day": "yesterday"}, COLUMNS, ("day",))
    with pytest.raises(InspectionError, match="NO_SUCH_COLUMN"):
        typed(written, COLUMNS, ("colour",))
