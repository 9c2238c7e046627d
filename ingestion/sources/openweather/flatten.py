"""An answer as one row: two levels of its JSON flattened, `main.temp` as main_temp and `rain.1h` as rain_1h.

Looked at many answers in one query, before they land. What lies deeper, and lists, are one value: their JSON text. A
null is no column: it says nothing that a missing key does not. A key nobody has seen yet is a column like the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.clients.content import BadContent, bad_json, raw_names, sql_name, sql_text
from ingestion.sources.openweather.answers import Kept

OURS = ("place", "units", "logical_date")
_NEEDED = ("dt",)
# Numbers that DuckDB, which reprints a double, would give back with other letters: more digits than one holds,
# exponents, zeros at the end, very small ones. Long digits within texts only cost the slow way, never a value.
_RISKY = re.compile(rb"\d{16}|\d\.?[eE]|\.\d*[1-9]0+\b|\.00|-0(?![.\d])|\d\.\d{15}")


@dataclass(frozen=True)
class Flat:
    """An answer that can be landed: where each of its raw columns is (JSON pointer), and the file to take it from."""

    pointers: dict[str, str]
    text: Path
    observed_at: str | None
    """ISO 8601, UTC; None when dt is no time."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.pointers, *OURS)


def flatten(answers: Sequence[Kept], folder: Path) -> list[Flat | BadContent]:
    """One for each answer, in their order; a bad one has its own error and touches no other's."""
    with duckdb.connect() as engine:
        found = _trees(engine, answers)
    return [
        tree if isinstance(tree, BadContent) else _caught(answer, tree, folder)
        for answer, tree in zip(answers, found, strict=True)
    ]


def query(answers: Sequence[tuple[Kept, Flat]], columns: Sequence[str]) -> str:
    """The SELECT that gives one row for each answer: `columns`, `_source_file`, `_source_row`."""
    pointers: dict[str, str] = {}
    for _, flat in answers:
        pointers.update(flat.pointers)
    values = [
        (f"content ->> {sql_text(pointers[name])}" if name in pointers else "null::varchar") + f" as {sql_name(name)}"
        for name in columns
        if name not in OURS
    ]
    given = ", ".join(
        "(" + ", ".join(map(sql_text, (str(f.text), a.stored.source_file, a.place, a.units, a.day.isoformat()))) + ")"
        for a, f in answers
    )
    paths = ", ".join(sql_text(str(flat.text)) for _, flat in answers)
    ours = ", ".join(f"given.{name}" for name in OURS)
    return (
        f'select {", ".join(values)}, {ours}, given.key as "_source_file", 1::bigint as "_source_row" '
        f"from read_text([{paths}]) as file "
        f"join (values {given}) as given(path, key, {', '.join(OURS)}) on given.path = file.filename"
    )


Node = tuple[int, int | None, str | None, str, str | None]
"""id, parent, key, type, and the value where it is a scalar."""


def _trees(engine: duckdb.DuckDBPyConnection, answers: Sequence[Kept]) -> list[list[Node] | BadContent]:
    """Every node of every answer. When the query fails, by halves, until the bad ones are alone."""
    if not answers:
        return []
    paths = ", ".join(sql_text(str(answer.text)) for answer in answers)
    try:
        rows = engine.execute(
            "select file.filename, node.id, node.parent, node.key, node.type, node.atom ->> '$' "
            f"from read_text([{paths}]) as file, json_tree(file.content) as node order by all"
        ).fetchall()
    except duckdb.Error as error:
        if len(answers) == 1:
            return [bad_json(error)]
        half = len(answers) // 2
        return _trees(engine, answers[:half]) + _trees(engine, answers[half:])
    by_path: dict[str, list[Node]] = {}
    for path, *node in rows:
        by_path.setdefault(path, []).append((node[0], node[1], node[2], node[3], node[4]))
    return [by_path[str(answer.text)] for answer in answers]


def _caught(answer: Kept, tree: Sequence[Node], folder: Path) -> Flat | BadContent:
    try:
        return _flat(answer, tree, folder)
    except BadContent as error:
        return error


def _flat(answer: Kept, tree: Sequence[Node], folder: Path) -> Flat:
    root, *nodes = tree
    if root[3] != "OBJECT":
        raise BadContent("DATA_UNKNOWN_SHAPE", f"the answer is no object but {root[3].lower()}")
    top = {identifier: (str(key), kind) for identifier, parent, key, kind, _ in nodes if parent == root[0]}
    scalars = {str(key): atom for _, parent, key, _, atom in nodes if parent == root[0]}
    # A node deeper than two levels has a parent that is not in `top`.
    paths = [
        (str(key),) if parent == root[0] else (top[parent][0], str(key))
        for _, parent, key, kind, _ in nodes
        if (parent == root[0] and kind not in ("OBJECT", "NULL"))
        or (parent in top and top[parent][1] == "OBJECT" and kind != "NULL")
    ]
    if len(scalars) != len(top) or len(set(paths)) != len(paths):
        raise BadContent("DATA_DUPLICATE_KEY", "an object has one key twice")
    cod = scalars.get("cod")
    if cod not in (None, "200"):
        raise BadContent("DATA_ERROR_BODY", f"an error (cod {str(cod)[:20]!r}) was kept in place of an answer")
    flat = {"_".join(path): path for path in paths}
    if len(flat) != len(paths):
        raise BadContent("DATA_DUPLICATE_COLUMN", "two keys become one column when flattened")
    names = raw_names([*flat, *OURS])
    if missing := [name for name in _NEEDED if name not in names.values()]:
        advice = "if the service renamed it, the reader must learn that"
        raise BadContent("DATA_MISSING_COLUMN", f"the answer has no {', '.join(missing)}; {advice}", column=missing[0])
    pointers = {names[name]: "".join(f"/{_escaped(key)}" for key in path) for name, path in flat.items()}
    text = _exact(answer, folder) if _RISKY.search(answer.content) else answer.text
    return Flat(pointers, text, _instant(scalars.get("dt")))


def _instant(dt: str | None) -> str | None:
    with suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(int(dt or ''), UTC):%Y-%m-%dT%H:%M:%SZ}"
    return None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


class _Number(str):
    """A JSON number or literal, by its letters."""


def _exact(answer: Kept, folder: Path) -> Path:
    """A copy in which each value of the first two levels is a text: the letters it was sent with."""
    told = json.loads(answer.content, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    texts = {
        key: {name: _text(one) for name, one in value.items()} if isinstance(value, Mapping) else _text(value)
        for key, value in told.items()
    }
    path = folder / f"{answer.stored.source_file}.exact.json"
    path.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    return path


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_json(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
