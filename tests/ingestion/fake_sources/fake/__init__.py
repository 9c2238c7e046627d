"""A source for tests: JSON files `{"columns": [...], "data": [[...]]}` in FAKE_FOLDER/<table>/, new content landed.

It does not check its files, so that what the door itself must notice can be tested: rows are counted by their brackets,
`--param lie=NAME` counts one row too many in the file of that name, `--param understate=NAME` one too few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingestion.source import Batch, LakeFile, Param, Problem, Run, Source, SourceError, Table, Unchanged
from ingestion.warehouse import literal, quoted

TABLES = (
    Table("fake_readings", ("meterpoint_id", "interval_start", "consumption_delta"), ("meterpoint_id",)),
    Table("fake_people", ("person_id", "name", "note"), ("person_id",), personal=("name",)),
)


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    root = Path(os.environ["FAKE_FOLDER"])
    if not root.is_dir():
        raise SourceError("SOURCE_MISSING", f"{root} is no folder", uri=str(root))
    for table in TABLES:
        known = run.landed(table.name)
        groups: dict[tuple[str, ...], list[tuple[LakeFile, Path]]] = {}
        paths = sorted((root / table.name).glob("*.json"))
        for number, path in enumerate(paths, 1):
            run.progress(number, len(paths), f"reading {table.name}")
            content = path.read_bytes()
            stored = run.store(table.name, path.name, content)
            if stored.sha256 in known:
                yield Unchanged(table.name, str(path))
                continue
            if not content:
                yield Problem("DATA_EMPTY", "the file is empty", table.name, str(path))
                continue
            rows, columns = _look(content, table.columns)
            rows += run.params.get("lie") == path.stem
            rows -= run.params.get("understate") == path.stem
            file = LakeFile(str(path), stored.key, stored.sha256, stored.bytes, rows, columns)
            groups.setdefault(columns, []).append((file, stored.path))
        for columns, members in groups.items():
            yield _batch(table.name, columns, members, narrow=run.params.get("narrow") != "no")


def _look(content: bytes, declared: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    try:
        document = json.loads(content)
    except ValueError:
        return content.count(b"],"), declared
    return len(document["data"]), tuple(document["columns"])


def _batch(table: str, columns: tuple[str, ...], members: list[tuple[LakeFile, Path]], narrow: bool) -> Batch:
    paths = {file.source_file: path for file, path in members}

    def query(files: Sequence[LakeFile]) -> str:
        keys = (
            "map {"
            + ", ".join(f"{literal(str(paths[file.source_file]))}: {literal(file.source_file)}" for file in files)
            + "}"
        )
        names = ", ".join(f"r[{i}] as {quoted(column)}" for i, column in enumerate(columns, 1))
        sources = "[" + ", ".join(literal(str(paths[file.source_file])) for file in files) + "]"
        return (
            f"select {names}, {keys}[filename] as _source_file, i as _source_row from ("
            "select filename, unnest(data) as r, generate_subscripts(data, 1) as i from read_json("
            f"{sources}, columns = {{columns: 'VARCHAR[]', data: 'VARCHAR[][]'}}, format = 'unstructured', "
            "maximum_object_size = 1000000000, filename = true))"
        )

    files = tuple(file for file, _ in members)
    return Batch(table, columns, query(files), files, narrow=query if narrow else None, ordered=False)


PARAMS = tuple(Param(name, "for tests") for name in ("lie", "understate", "narrow"))
SOURCE = Source("fake", "A source for tests", TABLES, "daily", "none", ("FAKE_FOLDER",), read, params=PARAMS)
