"""From the lake to raw: readings in batches of like files, and the tables of the SQLite file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.clients.content import BadContent, sql_name, sql_text
from ingestion.settings import read as read_settings
from ingestion.source import Batch, LakeFile, Problem, Run, Unchanged
from ingestion.sources.smart_meters import SOURCE, exact
from ingestion.sources.smart_meters.database import read_database
from ingestion.sources.smart_meters.fetch import Delivered, new_files
from ingestion.sources.smart_meters.settings import SmartMeterSettings
from ingestion.sources.smart_meters.shapes import Inspected, Shape, inspect

log = logging.getLogger(__name__)

READINGS = SOURCE.table("meter_readings")
MOST_FILES = 400
INSPECTED_BYTES = 64 << 20
BATCH_BYTES: dict[str, int] = {
    "split": 512 << 20,
    # These are parsed from one text per file, many at a time: smaller batches bound the memory.
    "records": 64 << 20,
    "results": 64 << 20,
    "exact": 512 << 20,
}
_LEAST_OBJECT_SIZE = 16 << 20


@dataclass(frozen=True)
class Alike:
    """What files of one batch have in common: how they are read, and the raw column of each name in them."""

    kind: str
    names: tuple[tuple[str, str], ...]

    @property
    def has_meterpoint(self) -> bool:
        return "meterpoint_id" in dict(self.names).values()

    @property
    def columns(self) -> tuple[str, ...]:
        named = tuple(raw for _, raw in self.names)
        return named if self.has_meterpoint else (*named, "meterpoint_id")


@dataclass(frozen=True)
class Item:
    """One inspected file."""

    path: Path
    stem: str
    size: int
    lake: LakeFile


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new among the readings and in the database; one missing or bad thing never stops the others."""
    settings = read_settings(SmartMeterSettings)
    if settings.database:
        yield from read_database(run, settings.database, settings.smart_meters_lock_seconds)
    else:
        log.info("SMART_METERS_DATABASE is not set: no agreements are read")
    if settings.readings:
        yield from _readings(run, settings.readings)
    else:
        log.info("SMART_METERS_READINGS is not set: no readings are read")


def _readings(run: Run, where: str) -> Iterator[Batch | Problem | Unchanged]:
    waiting: dict[Alike, list[Item]] = {}
    for chunk in _chunks(new_files(run, where)):
        if not isinstance(chunk, list):
            yield chunk
            continue
        for delivered, found in zip(chunk, inspect(chunk), strict=True):
            try:
                alike, item = _item(run, delivered, found)
            except BadContent as error:
                yield Problem(error.code, error.message, READINGS.name, delivered.uri, error.row, error.column)
                continue
            items = waiting.setdefault(alike, [])
            if items and (len(items) >= MOST_FILES or sum(i.size for i in items) + item.size > BATCH_BYTES[alike.kind]):
                yield _batch(alike, items)
                items = waiting[alike] = []
            items.append(item)
    for alike, items in waiting.items():
        yield _batch(alike, items)


def _chunks(found: Iterator[Delivered | Problem | Unchanged]) -> Iterator[list[Delivered] | Problem | Unchanged]:
    """New files in lists to be inspected together, everything else as it comes."""
    chunk: list[Delivered] = []
    size = 0
    for thing in found:
        if not isinstance(thing, Delivered):
            yield thing
            continue
        if chunk and (len(chunk) >= MOST_FILES or size + len(thing.content) > INSPECTED_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(thing)
        size += len(thing.content)
    if chunk:
        yield chunk


def _item(run: Run, file: Delivered, found: Inspected | BadContent) -> tuple[Alike, Item]:
    if isinstance(found, BadContent):
        raise found
    kind: str = found.shape
    path = file.text
    if exact.is_needed(file.content):
        kind, path = "exact", exact.write(file, found, run.scratch / "readings")
    stored = file.stored
    columns = tuple(found.names.values())
    lake = LakeFile(
        file.uri, stored.key, stored.sha256, stored.bytes, found.rows, columns, "file", file.version, file.delivered_at
    )
    return Alike(kind, tuple(found.names.items())), Item(path, file.stem, len(file.content), lake)


def _batch(alike: Alike, items: Sequence[Item]) -> Batch:
    by_key = {item.lake.source_file: item for item in items}

    def query(files: Sequence[LakeFile]) -> str:
        chosen = [by_key[file.source_file] for file in files]
        if not alike.names:
            return _nothing()
        return _FROM[alike.kind](alike, chosen)

    files = tuple(item.lake for item in items)
    columns = alike.columns if alike.names else READINGS.columns
    return Batch(READINGS.name, columns, query(files), files, query, ordered=False)


def _nothing() -> str:
    """No rows: an empty list was delivered, which names no column."""
    items = ", ".join(f"null::varchar as {sql_name(column)}" for column in READINGS.columns)
    return f'select {items}, null::varchar as "_source_file", null::bigint as "_source_row" where false'


def _split(alike: Alike, items: Sequence[Item]) -> str:
    largest = max(_LEAST_OBJECT_SIZE, *(item.size + 1024 for item in items))
    rows = (
        f"read_json([{_paths(items)}], columns = {{data: 'VARCHAR[][]'}}, format = 'unstructured', "
        f"maximum_object_size = {largest}, filename = true)"
    )
    values = [f"line[{number}] as {sql_name(raw)}" for number, (_, raw) in enumerate(alike.names, 1)]
    return _unnested(alike, items, values, "data", rows)


def _objects(shape: Shape) -> Callable[[Alike, Sequence[Item]], str]:
    def query(alike: Alike, items: Sequence[Item]) -> str:
        fields = ",".join(f'{_json(name)}:"VARCHAR"' for name, _ in alike.names)
        structure, found = f"[{{{fields}}}]", "from_json(content, {})"
        if shape == "results":
            structure, found = f'{{"results":{structure}}}', "from_json(content, {}).results"
        rows = f"(select filename, {found.format(sql_text(structure))} as data from read_text([{_paths(items)}]))"
        values = [f"line.{sql_name(name)} as {sql_name(raw)}" for name, raw in alike.names]
        return _unnested(alike, items, values, "data", rows)

    return query


def _exact(alike: Alike, items: Sequence[Item]) -> str:
    values = [sql_name(raw) for _, raw in alike.names]
    if not alike.has_meterpoint:
        values.append('given.stem as "meterpoint_id"')
    return (
        f'select {", ".join(values)}, rows."_source_file", rows."_source_row" '
        f"from read_parquet([{_paths(items)}]) as rows "
        f'join {_given(items)} on given.key = rows."_source_file"'
    )


def _unnested(alike: Alike, items: Sequence[Item], values: list[str], rows: str, files: str) -> str:
    """Rows of all files. The join to the file is made per file, before rows are taken apart: it costs nothing."""
    if not alike.has_meterpoint:
        values = [*values, 'stem as "meterpoint_id"']
    return (
        f'select {", ".join(values)}, key as "_source_file", place as "_source_row" from ('
        f"select given.key, given.stem, unnest({rows}) as line, generate_subscripts({rows}, 1) as place "
        f"from {files} as file join {_given(items)} on given.path = file.filename)"
    )


def _given(items: Sequence[Item]) -> str:
    rows = ", ".join(
        f"({sql_text(str(item.path))}, {sql_text(item.lake.source_file)}, {sql_text(item.stem)})" for item in items
    )
    return f"(values {rows}) as given(path, key, stem)"


def _paths(items: Sequence[Item]) -> str:
    return ", ".join(sql_text(str(item.path)) for item in items)


def _json(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


_FROM: dict[str, Callable[[Alike, Sequence[Item]], str]] = {
    "split": _split,
    "records": _objects("records"),
    "results": _objects("results"),
    "exact": _exact,
}
