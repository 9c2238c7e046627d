"""Answers of both engines as Arrow tables of the same types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa


def of_duckdb(table: pa.Table) -> pa.Table:
    """DuckDB's types as PostgreSQL's: one width of whole numbers (sums of them are decimals without places there)."""
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = _common(field.type)
        if pa.types.is_decimal128(field.type) and pa.types.is_decimal128(kind) and not column.null_count:
            # The same bits, at which a cast would look one by one. Under a null stands whatever stood there before.
            column = pa.chunked_array([chunk.view(kind) for chunk in column.chunks], kind)
        elif kind != field.type:
            column = column.cast(kind)
        columns.append(column)
        fields.append(pa.field(field.name, kind))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _common(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return pa.int64()
    if pa.types.is_decimal(kind):
        return pa.decimal128(38, kind.scale)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_float32(kind):
        return pa.float64()
    return kind


_BY_OID: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us"),
}
_NUMERIC = 1700


def of_postgres(description: Any, rows: list[tuple[Any, ...]]) -> pa.Table:
    """The rows of a psycopg2 cursor with that description."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(description)
    arrays, names = [], []
    for column, values in zip(description, columns, strict=True):
        names.append(column.name)
        arrays.append(_array(column, list(values)))
    return pa.Table.from_arrays(arrays, names)


def _array(column: Any, values: list[Any]) -> pa.Array:
    if column.type_code == _NUMERIC:
        return _numbers(column, values)
    kind = _BY_OID.get(column.type_code, pa.string())
    if column.type_code == 1184:
        values = [None if value is None else value.replace(tzinfo=None) for value in values]
    if kind == pa.string():
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, kind)


def _numbers(column: Any, values: list[Any]) -> pa.Array:
    if column.precision is not None and 0 < column.precision <= 38:
        if column.scale == 0:
            return pa.array([None if value is None else int(value) for value in values], pa.int64())
        return pa.array(values, pa.decimal128(38, column.scale))
    # A sum of bigint is a numeric without places there, and of exact numbers one with as many as they had.
    places = max((_places(value) for value in values if value is not None), default=0)
    if places == 0:
        return pa.array([None if value is None else int(value) for value in values], pa.int64())
    return pa.array(values, pa.decimal128(38, places))


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
