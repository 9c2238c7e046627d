"""The bytes of an answer, worked out by hand."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from serving import arrow
from serving.api.answers import JSON, encoded
from serving.published import Publication


def at(*parts: int) -> datetime:
    """As the warehouse keeps it: UTC without a zone."""
    return datetime(*parts)  # type: ignore[misc, arg-type]  # noqa: DTZ001


AT = at(2021, 3, 28, 1, 30)
PUBLICATION = Publication("one", AT, AT, "{}", "[]", None)
ABOVE = '{"publication":{"invocation_id":"one","built_at":"2021-03-28T01:30:00Z","published_at":"2021-03-28T01:30:00Z"}'


def said(table: pa.Table) -> str:
    """The rows of the JSON answer, as they are written."""
    body = encoded(JSON, PUBLICATION, table, {"next_after": None}).decode()
    above = ABOVE + ',"next_after":null,"rows":'
    assert body.startswith(above) and body.endswith("}")
    return body[len(above) : -1]


def column(values: list[Any], kind: pa.DataType) -> str:
    """What stands in the place of each value, one after another."""
    return said(pa.table({"a": pa.array(values, kind)})).replace('{"a":', "").replace("}", "")


def test_an_exact_number_is_the_double_that_is_nearest() -> None:
    """Arrow's own cast makes 71.03099999999999 of 71.031."""
    values = [
        Decimal("71.031000"),
        Decimal("-0.000001"),
        Decimal("0"),
        None,
        Decimal("0.009"),
        Decimal("1234567.891234"),
    ]
    assert column(values, pa.decimal128(38, 6)) == "[71.031,-1e-6,0.0,null,0.009,1234567.891234]"
    assert column([Decimal("0.10"), Decimal("0.30")], pa.decimal128(38, 2)) == "[0.1,0.3]"


def test_an_exact_number_of_more_digits_than_a_double_has_is_rounded_once() -> None:
    """An odd number above 2^53 is no double: rounded, and then divided, it would not be the nearest one."""
    for places, digits in ((1, "900719925474215.7"), (3, "9007199254742.727"), (0, "9007199254740993")):
        values = [Decimal(digits), Decimal("-" + digits), Decimal("1.5").quantize(Decimal(1).scaleb(-places))]
        rows = json.loads(said(pa.table({"a": pa.array(values, pa.decimal128(38, places))})))
        assert [row["a"] for row in rows] == [float(digits), -float(digits), float(values[2])]
    wide = [Decimal("12345678901234567890.123456"), Decimal("0.5")]
    assert column(wide, pa.decimal128(38, 6)) == "[1.2345678901234567e+19,0.5]"
    assert column([Decimal("123456789012.345600")], pa.decimal128(38, 6)) == "[123456789012.3456]"
    fine = [Decimal("0.000000000000000000000000059"), None]
    assert column(fine, pa.decimal128(38, 27)) == "[5.9e-26,null]"


def test_a_number_that_is_none_is_null() -> None:
    values = [0.1, float("nan"), float("inf"), float("-inf"), None, 1e22]
    assert column(values, pa.float64()) == "[0.1,null,null,null,null,1e+22]"


def test_a_whole_number_beside_a_null_keeps_every_digit() -> None:
    values = [9_007_199_254_740_993, None, -9_223_372_036_854_775_808, 0]
    assert column(values, pa.int64()) == "[9007199254740993,null,-9223372036854775808,0]"
    assert column([None, None], pa.int64()) == "[null,null]"
    assert column([True, None, False], pa.bool_()) == "[true,null,false]"


def test_an_instant_ends_with_its_zone_and_a_day_has_none() -> None:
    instants = [AT, None, at(1969, 12, 31, 23, 59, 59, 999_999), at(1, 1, 1), at(9999, 12, 31, 23)]
    assert column(instants, pa.timestamp("us")) == (
        '["2021-03-28T01:30:00Z",null,"1969-12-31T23:59:59.999999Z","0001-01-01T00:00:00Z","9999-12-31T23:00:00Z"]'
    )
    days = [date(2021, 3, 28), None, date(1, 1, 1), date(9999, 12, 31)]
    assert column(days, pa.date32()) == '["2021-03-28",null,"0001-01-01","9999-12-31"]'


def test_text_is_written_so_that_it_is_read_as_it_was() -> None:
    texts = ["", 'a "word"', "back\\slash", "line\nend\ttab\x01\x7f", "é 🙂 \u2028", None, "null"]
    written = said(pa.table({"a": pa.array(texts, pa.string())}))
    assert [row["a"] for row in json.loads(written)] == texts
    assert '"line\\nend\\ttab\\u0001\x7f"' in written
    assert "é 🙂 \u2028" in written


def test_rows_keep_the_order_of_the_columns_whatever_their_kinds() -> None:
    table = pa.table(
        {
            "b": pa.array([1, None], pa.int64()),
            "name": ["x", "y"],
            "a": pa.array([None, 2], pa.int64()),
            "volume_m3": pa.array([Decimal("1.50"), None], pa.decimal128(38, 2)),
            "town": [None, "z"],
            "amount_cad": pa.array([None, Decimal("2.25")], pa.decimal128(38, 2)),
            "nothing": pa.nulls(2),
        }
    )
    first = '{"b":1,"name":"x","a":null,"volume_m3":1.5,"town":null,"amount_cad":null,"nothing":null}'
    second = '{"b":null,"name":"y","a":2,"volume_m3":null,"town":"z","amount_cad":2.25,"nothing":null}'
    assert said(table) == f"[{first},{second}]"
    # As an engine may hand them over: in pieces that do not begin where their memory does.
    pieces = pa.concat_tables([table.slice(1, 1), table.slice(0, 1), table.slice(0, 0), table.slice(1)])
    assert said(pieces.slice(1, 2)) == f"[{first},{second}]"
    assert said(table.slice(0, 0)) == "[]"


@pytest.mark.parametrize("start", [0, 1])
def test_a_width_of_duckdb_is_taken_off_without_touching_a_digit(start: int) -> None:
    values = [Decimal("7.0000"), Decimal("-99999.9999"), Decimal("0.0001")]
    table = pa.table(
        {
            "full": pa.array(values, pa.decimal128(9, 4)),
            "with_null": pa.array([None, *values[1:]], pa.decimal128(18, 4)),
            "whole": pa.array([Decimal(3), Decimal(-4), None], pa.decimal128(38, 0)),
            "small": pa.array([1, None, 3], pa.int32()),
        }
    )
    found = arrow.of_duckdb(table.slice(start))
    assert found.schema.types == [pa.decimal128(38, 4), pa.decimal128(38, 4), pa.int64(), pa.int64()]
    assert found.to_pydict() == {
        "full": values[start:],
        "with_null": [None, *values[1:]][start:],
        "whole": [3, -4, None][start:],
        "small": [1, None, 3][start:],
    }
