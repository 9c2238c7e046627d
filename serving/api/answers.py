"""The bytes of an answer: JSON, CSV or an Arrow stream, by the Accept header.

JSON's numbers are doubles, since most readers read them so; CSV and Arrow carry exact decimals. Instants end in `Z`.
"""

from __future__ import annotations

import io
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from serving.api.errors import ApiError
from serving.published import Publication

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
KINDS = (JSON, CSV, ARROW)
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def accepted(header: str | None) -> str:
    """The kind that the Accept header likes best; JSON where it likes several alike. Raises ApiError 406."""
    best, liking = None, 0.0
    for kind in KINDS:
        found = _liking(kind, header or "*/*")
        if found > liking:
            best, liking = kind, found
    if best is None:
        raise ApiError(406, "NOT_ACCEPTABLE", f"Answers are {', '.join(KINDS)}.")
    return best


def _liking(kind: str, header: str) -> float:
    """The q of the most particular range that covers the kind (RFC 9110, 12.5.1)."""
    found = (-1, 0.0)
    for part in header.split(","):
        words = [word.strip().lower() for word in part.split(";")]
        particular = {kind: 2, kind.split("/")[0] + "/*": 1, "*/*": 0}.get(words[0], -1)
        quality = next((word[2:] for word in words[1:] if word.startswith("q=")), "1")
        try:
            found = max(found, (particular, float(quality))) if particular >= 0 else found
        except ValueError:
            continue
    return found[1]


def publication_of(publication: Publication) -> dict[str, Any]:
    """How an answer says which build it is of; instants UTC."""
    return {
        "invocation_id": publication.invocation_id,
        "built_at": publication.built_at,
        "published_at": publication.published_at,
    }


def document(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body, option=_OPTIONS)


def encoded(kind: str, publication: Publication, table: pa.Table, more: dict[str, Any]) -> bytes:
    """The table as that kind; `more` stands beside the rows in JSON."""
    if kind == ARROW:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()
    if kind == CSV:
        sink = io.BytesIO()
        pyarrow.csv.write_csv(_readable(table), sink)
        return sink.getvalue()
    return document({"publication": publication_of(publication), **more, "rows": rows_of(table)})


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """A dictionary per row, as JSON is written from it: exact numbers as the nearest double, nulls of doubles as NaN,
    which JSON has as null.

    Columns of a kind go through Arrow together, since a call to it costs more than the values of a page do.
    """
    alike: dict[pa.DataType, list[int]] = {}
    for place, field in enumerate(table.schema):
        alike.setdefault(field.type, []).append(place)
    columns: list[list[Any]] = [[]] * table.num_columns
    for kind, places in alike.items():
        together = pa.chunked_array([chunk for place in places for chunk in table.column(place).chunks], kind)
        values = _values(together)
        for number, place in enumerate(places):
            columns[place] = values[number * table.num_rows : (number + 1) * table.num_rows]
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    """By way of NumPy: `to_pylist` makes an object of Arrow's for each value before Python's."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return list(_doubles(column).to_numpy().tolist())
    if pa.types.is_integer(kind) and column.null_count:
        values = list(column.fill_null(0).to_numpy().tolist())
        for place in pc.indices_nonzero(column.is_null()).to_numpy().tolist():
            values[place] = None
        return values
    return list(column.to_numpy().tolist() if kind in _AS_IN_PYTHON else column.to_pylist())


_AS_IN_PYTHON = (pa.string(), pa.bool_(), pa.int64(), pa.float64(), pa.date32(), pa.timestamp("us"))
"""Kinds whose values NumPy lists as Python has them."""


def _doubles(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The nearest double of each exact number, which Arrow's own cast is not: it makes 71.030999... of 71.031.

    Two doubles that are exact give the nearest one when they are divided; by its letters otherwise.
    """
    scale = column.type.scale
    try:
        if scale > _EXACT_TENS or not pa.types.is_decimal128(column.type):
            raise pa.ArrowInvalid
        chunks = [
            pa.Array.from_buffers(pa.decimal128(38, 0), len(chunk), chunk.buffers(), offset=chunk.offset)
            for chunk in column.chunks
        ]
        # Both casts refuse what they cannot hold: more than 64 bits, then more than 2^53.
        whole = pa.chunked_array(chunks, pa.decimal128(38, 0)).cast(pa.int64()).cast(pa.float64())
        return pc.divide(whole, 10.0**scale)
    except pa.ArrowInvalid:
        return column.cast(pa.string()).cast(pa.float64())


_EXACT_TENS = 22
"""The largest power of ten that a double holds exactly."""


def _readable(table: pa.Table) -> pa.Table:
    """Instants as in JSON, where Arrow's CSV writer would put a blank in and leave the zone out."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            seconds = pc.floor_temporal(table.column(place), unit="second")
            is_whole = pc.all(pc.equal(seconds, table.column(place)), skip_nulls=True, min_count=0).as_py()
            instants = seconds.cast(pa.timestamp("s")) if is_whole else table.column(place)
            table = table.set_column(place, field.name, pc.strftime(instants, format="%Y-%m-%dT%H:%M:%SZ"))
    return table
