"""The slow way for the few files that DuckDB would not keep exact: every number with the letters it was sent with.

DuckDB reprints a JSON number from a double. Up to 15 digits that keeps its value; beyond, or with a negative exponent
near the end of a double's range, it may not. Such files are parsed in Python and written as Parquet, all text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from ingestion.clients.content import BadContent
from ingestion.sources.smart_meters.fetch import Delivered
from ingestion.sources.smart_meters.shapes import Inspected

_ZEROS = bytes(48 if 48 <= code <= 57 else code for code in range(256)).replace(b"E", b"e")


class Number(str):
    """A JSON number or literal, by its letters."""


def is_needed(content: bytes) -> bool:
    """Whether a number might lose digits. Long digits within texts only cost the slow way, never a value."""
    digits = content.translate(_ZEROS, b".")
    return b"0" * 16 in digits or b"0e-" in digits


def write(file: Delivered, found: Inspected, folder: Path) -> Path:
    """The file's rows as Parquet: its raw columns, `_source_file`, `_source_row`. Raises BadContent."""
    try:
        content = json.loads(
            file.content, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object
        )
    except (ValueError, RecursionError) as error:
        raise BadContent("DATA_JSON_SYNTAX", f"not JSON ({type(error).__name__})") from None
    rows: Iterable[Mapping[str, Any]]
    if found.shape == "split":
        rows = [dict(zip(found.names, row, strict=True)) for row in content["data"]]
    else:
        rows = content if found.shape == "records" else content["results"]
    columns = {raw: [_text(row.get(name)) for row in rows] for name, raw in found.names.items()}
    table = pa.table(
        {
            **{raw: pa.array(values, pa.string()) for raw, values in columns.items()},
            "_source_file": pa.array([file.stored.source_file] * found.rows, pa.string()),
            "_source_row": pa.array(range(1, found.rows + 1), pa.int64()),
        }
    )
    path = folder / f"{file.stored.sha256}.parquet"
    pa.parquet.write_table(table, path)
    return path


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadContent("DATA_DUPLICATE_KEY", "an object has one key twice")
    return found


def _text(value: Any) -> str | None:
    """A scalar as it was sent; lists and objects as JSON text."""
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    if isinstance(value, Number):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_json(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
