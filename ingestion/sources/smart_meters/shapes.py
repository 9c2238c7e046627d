"""Which of the three shapes a JSON file has, its columns, and how many rows: looked at once, before it is landed.

    {"columns": ["interval_start", ...], "data": [["2021-01-01 00:30:00", ...], ...]}     (also with "index")
    [{"interval_start": ..., "consumption_delta": ..., "meterpoint_id": ...}, ...]
    {"count": ..., "next": ..., "results": [{"consumption": ..., "interval_start": ..., "interval_end": ...}, ...]}

Each file is parsed once here, by DuckDB, many files in one query; what it takes is about a seventh of landing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from ingestion.clients.content import BadContent, bad_json, check_depth, raw_names, sql_text
from ingestion.sources.smart_meters.fetch import Delivered

Shape = Literal["split", "records", "results"]

_SPLIT = re.compile(rb'\s*\{\s*"columns"\s*:\s*(\[[^\[\]{}]{0,20000}\])\s*,\s*"data"\s*:\s*\[')
_HEAD = 32_768
_LENGTHS = "len(lengths), list_min(lengths), list_max(lengths)"
_UNKNOWN = (
    "is none of the shapes this source knows: columns and data, a list of records, an object with results. "
    "If the publisher changed it, the reader must learn the new one"
)


@dataclass(frozen=True)
class Inspected:
    """A file that can be landed: its shape, the raw column of each of its names, and its number of rows."""

    shape: Shape
    names: dict[str, str]
    rows: int


def inspect(files: Sequence[Delivered]) -> list[Inspected | BadContent]:
    """One answer per file, in their order; a bad file has its own and touches no other's."""
    with duckdb.connect() as engine:
        split = {
            number: names for number, file in enumerate(files) if (names := _split_names(file.content)) is not None
        }
        rest = [number for number in range(len(files)) if number not in split]
        found: dict[int, Inspected | BadContent] = {}
        lengths = _lengths(engine, [files[number] for number in split], "$.data[*]")
        for (number, names), measured in zip(split.items(), lengths, strict=True):
            found[number] = (
                measured
                if isinstance(measured, BadContent)
                else _caught(_split, engine, files[number], names, measured)
            )
        for number in rest:
            found[number] = _caught(_other, engine, files[number])
    return [_deep_enough(found[number], file) for number, file in enumerate(files)]


def _caught(look: Any, engine: duckdb.DuckDBPyConnection, file: Delivered, *more: Any) -> Inspected | BadContent:
    try:
        found: Inspected = look(engine, file, *more)
        return found
    except BadContent as error:
        return error
    except duckdb.Error as error:
        return bad_json(error)


def _deep_enough(found: Inspected | BadContent, file: Delivered) -> Inspected | BadContent:
    if isinstance(found, Inspected):
        try:
            check_depth(file.content, found.rows + 3)
        except BadContent as error:
            return error
    return found


def _split_names(content: bytes) -> list[Any] | None:
    """The columns of the ordinary file, from its first bytes; None sends it the longer way."""
    head = _SPLIT.match(content[:_HEAD])
    try:
        return list(json.loads(head[1])) if head else None
    except ValueError:
        return None


def _lengths(
    engine: duckdb.DuckDBPyConnection, files: Sequence[Delivered], path: str
) -> list[tuple[int, int | None, int | None] | BadContent]:
    """Number of rows at `path`, and the least and greatest number of values in a row."""
    if not files:
        return []
    names = ", ".join(sql_text(str(file.text)) for file in files)
    try:
        rows = engine.execute(
            f"select filename, {_LENGTHS} from (select filename, "
            f"json_array_length(content, {sql_text(path)}) as lengths from read_text([{names}]))"
        ).fetchall()
    except duckdb.Error as error:
        if len(files) == 1:
            return [bad_json(error)]
        return [found for file in files for found in _lengths(engine, [file], path)]
    by_name = {row[0]: (int(row[1]), row[2], row[3]) for row in rows}
    return [by_name[str(file.text)] for file in files]


def _split(
    engine: duckdb.DuckDBPyConnection, file: Delivered, columns: list[Any], measured: tuple[int, int | None, int | None]
) -> Inspected:
    rows, least, most = measured
    names = _checked_names(columns, rows)
    if rows and not (least == most == len(columns)):
        (place,) = _one(
            engine,
            "select list_position(list_transform(json_array_length(content, '$.data[*]'), "
            f"lambda length: length <> {len(columns)}), true) from read_text({sql_text(str(file.text))})",
        )
        raise BadContent("DATA_RAGGED_ROW", f"row {place} has not {len(columns)} values, as the columns have", place)
    return Inspected("split", names, rows)


def _other(engine: duckdb.DuckDBPyConnection, file: Delivered) -> Inspected:
    source = f"from read_text({sql_text(str(file.text))})"
    kind, keys = _one(engine, f"select json_type(content), json_keys(content) {source}")
    if kind == "ARRAY":
        return _records(engine, source, "records", "$")
    if kind != "OBJECT":
        raise BadContent("DATA_UNKNOWN_SHAPE", _UNKNOWN)
    if len(set(keys)) != len(keys):
        raise BadContent("DATA_DUPLICATE_KEY", "the object has one key twice")
    columns, data, results = _one(
        engine,
        f"select content -> '$.columns', json_type(content -> '$.data'), json_type(content -> '$.results') {source}",
    )
    if data == "ARRAY" and columns is not None:
        measured = _lengths(engine, [file], "$.data[*]")[0]
        if isinstance(measured, BadContent):
            raise measured
        return _split(engine, file, json.loads(columns), measured)
    if results == "ARRAY":
        return _records(engine, source, "results", "$.results")
    raise BadContent("DATA_UNKNOWN_SHAPE", f"{_UNKNOWN}. Its keys: {', '.join(keys)[:200]}")


def _records(engine: duckdb.DuckDBPyConnection, source: str, shape: Shape, path: str) -> Inspected:
    rows, kinds, variants = _one(
        engine,
        f"select json_array_length(content, '{path}'), list_distinct(json_type(content, '{path}[*]')), "
        f"list_distinct(json_keys(content, '{path}[*]')) {source}",
    )
    if kinds not in ([], ["OBJECT"]):
        raise BadContent("DATA_UNKNOWN_SHAPE", f"a row is no object but {', '.join(k for k in kinds if k != 'OBJECT')}")
    for variant in variants:
        if len(set(variant)) != len(variant):
            raise BadContent("DATA_DUPLICATE_KEY", "a row has one key twice")
    # The fullest rows first, so that the order of the columns is the publisher's.
    ordered = dict.fromkeys(name for variant in sorted(variants, key=lambda v: (-len(v), v)) for name in variant)
    return Inspected(shape, _checked_names(list(ordered), rows), rows)


def _checked_names(columns: list[Any], rows: int) -> dict[str, str]:
    """The raw column of each name. BadContent when the columns that identify and measure a reading are missing."""
    if not all(isinstance(name, str) for name in columns):
        raise BadContent("DATA_COLUMN_NAME", "a column name is no text")
    names = raw_names(columns)
    given = set(names.values())
    missing = [name for name in ("interval_start",) if name not in given]
    if not given & {"consumption_delta", "consumption"}:
        missing.append("consumption_delta (or consumption)")
    if missing and (rows or columns):
        known = {"interval_start", "interval_end", "consumption_delta", "consumption", "meterpoint_id"}
        new = ", ".join(name for name in names if names[name] not in known)[:200] or "none"
        raise BadContent(
            "DATA_MISSING_COLUMN",
            f"no column {', '.join(missing)}; new columns: {new}. If it was renamed, the reader must learn that",
            column=missing[0].split()[0],
        )
    return names


def _one(engine: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = engine.execute(sql).fetchone()
    assert row is not None
    return row
