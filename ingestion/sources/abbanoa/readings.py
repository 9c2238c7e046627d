"""Delivered files of readings: which are new, and what each one becomes in raw."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ingestion.clients import places
from ingestion.clients.content import BadContent
from ingestion.source import Batch, LakeFile, Problem, Run, StoredFile, Unchanged
from ingestion.sources.abbanoa import SOURCE, dialects, tables, text
from ingestion.sources.abbanoa.settings import AbbanoaSettings

log = logging.getLogger(__name__)

READINGS, LOGS = SOURCE.table("sensor_readings"), SOURCE.table("sensor_logs")
SUFFIXES = (".csv", ".csv.gz", ".parquet")
ZONE = "Europe/Rome"
MOST_BYTES = 64 << 30
MOST_FILES = 200
BATCH_BYTES = 2 << 30
_DATA_LOG = re.compile(r"([^_]+)_.*DATA_LOG\.csv(?:\.gz)?", re.IGNORECASE)

_spans: dict[tuple[str, str], tuple[float | None, float | None]] = {}
"""First and last instant by address and version: a backfill lands in many runs and looks into a file once."""


@dataclass(frozen=True)
class Readable:
    """A file that can be landed, still where it was copied to."""

    table: str
    columns: tuple[str, ...]
    rows: int
    span: tuple[float | None, float | None]
    rows_per_line: int
    label: str
    query: Callable[[Path, str], str]
    """The SELECT over the local file, given its `_source_file`."""
    text: Path | None
    """Where its text is, if not in the delivered bytes themselves."""
    count_late: Callable[[Path, float], int]
    """Lines before a moment (seconds since 1970), given where they lie now."""
    is_ordered: bool


@dataclass(frozen=True)
class Item:
    """One file of a batch."""

    query: str
    lake: LakeFile


@dataclass(frozen=True)
class Alike:
    """What files of one batch have in common."""

    table: str
    columns: tuple[str, ...]
    is_ordered: bool


class Readings:
    """Looks into files one by one, in bounded memory, and keeps what it will land for batches of like files."""

    def __init__(self, run: Run, settings: AbbanoaSettings) -> None:
        self.run, self.settings = run, settings
        self.engine = duckdb.connect()
        # A stamp without offset is the sensors' local time.
        self.engine.execute(f"set TimeZone = '{ZONE}'")
        self.folder = run.scratch / "sensors"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.newest = newest_landed(run)
        self._waiting: dict[Alike, list[Item]] = {}

    def look(self, copy: Path, name: str, number: int) -> Readable:
        """What the copied file holds. Raises BadContent."""
        if name.lower().endswith(".parquet"):
            columns = tables.recognise(self.engine, copy, READINGS)
            measured = tables.measure(self.engine, columns, copy)
            return Readable(
                READINGS.name, columns.columns, measured.lines, (measured.first, measured.last), 1, "", columns.rows,
                None, lambda path, before: tables.late_rows(self.engine, columns, path, before), False,
            )  # fmt: skip
        found = text.utf8(copy, name, self.folder / f"{number}.txt", self.settings.abbanoa_encoding)
        dialect = dialects.recognise(found, READINGS, is_logger_possible=True)
        node_id = None
        if dialect.kind == "data log":
            node_id = _node_in(name)
            if node_id is None:
                advice = "rename it to <node>_..._DATA_LOG.csv"
                raise BadContent("DATA_FILE_NAME", f"its rows name no node and {name[:200]} gives none; {advice}")
        if found.has_nul:
            raise dialects.find_nul(self.engine, dialect, found.path)
        measured = dialects.measure(self.engine, dialect, found.path)

        def query(path: Path, source_file: str) -> str:
            return dialect.rows(path, source_file, node_id)

        return Readable(
            READINGS.name if dialect.kind == "table" else LOGS.name,
            dialect.columns,
            measured.lines * dialect.rows_per_line,
            (measured.first, measured.last),
            dialect.rows_per_line,
            _label(node_id),
            query,
            None if found.path == copy else found.path,
            lambda path, before: dialects.late_lines(self.engine, dialect, path, before),
            True,
        )

    def add(
        self, uri: str, stored: StoredFile, readable: Readable, version: str | None, delivered_at: str | None
    ) -> Iterator[Batch]:
        """Takes a stored file up; yields a batch whenever one is full."""
        path = readable.text or stored.path
        self._note_late(uri, readable, path)
        first, last = readable.span
        lake = LakeFile(
            uri, stored.key, stored.sha256, stored.bytes, readable.rows, readable.columns, "file", version,
            delivered_at, _iso(first), _iso(last),
        )  # fmt: skip
        alike = Alike(readable.table, readable.columns, readable.is_ordered)
        items = self._waiting.setdefault(alike, [])
        if len(items) >= MOST_FILES or sum(i.lake.bytes for i in items) + lake.bytes > BATCH_BYTES:
            if items:
                yield _batch(alike, items)
            items = self._waiting[alike] = []
        items.append(Item(readable.query(path, stored.source_file), lake))

    def rest(self) -> Iterator[Batch]:
        """The batches that were not full."""
        for alike, items in self._waiting.items():
            if items:
                yield _batch(alike, items)

    def is_wanted(self, span: tuple[float | None, float | None]) -> bool:
        """Whether a file's instants overlap the dates asked for (UTC, both in). One without stamps is wanted."""
        first, last = span
        if first is None or last is None:
            return True
        since, until = self.run.since, self.run.until
        return (since is None or last >= _midnight(since)) and (
            until is None or first < _midnight(until + timedelta(days=1))
        )

    def _note_late(self, uri: str, readable: Readable, path: Path) -> None:
        first, _ = readable.span
        if self.newest is None or first is None or self.run.since or self.run.until:
            return  # what is asked for by its dates is expected to be old
        before = self.newest - self.settings.abbanoa_late_days * 86_400
        if first < before:
            late = readable.count_late(path, before) * readable.rows_per_line
            log.info(
                "%s: %d of %d rows are late, more than %d days before the newest that were landed; they land",
                places.name_of(uri), late, readable.rows, self.settings.abbanoa_late_days,
            )  # fmt: skip


def read_readings(run: Run, settings: AbbanoaSettings, where: str) -> Iterator[Batch | Problem | Unchanged]:
    """Every new file of the place; each content once, unless its name tells another node."""
    place = places.place(where, "ABBANOA_READINGS", SUFFIXES)
    try:
        uris = place.uris()
    except BadContent as error:
        yield Problem(error.code, error.message, READINGS.name, where)
        return
    if not uris:
        log.warning("no %s in %s", ", ".join(f"*{suffix}" for suffix in SUFFIXES), where)
    readings = Readings(run, settings)
    known = places.Known(run, SOURCE.name, [READINGS.name, LOGS.name])
    elsewhen = 0
    for number, (uri, listed) in enumerate(uris.items(), 1):
        run.progress(number, len(uris), "files of sensor readings")
        if known.has_version(uri, listed):
            yield Unchanged(READINGS.name, uri)
            continue
        if listed and not readings.is_wanted(_spans.get((uri, listed), (None, None))):
            elsewhen += 1
            continue
        name = places.name_of(uri)
        copy = readings.folder / f"{number}.{'parquet' if name.lower().endswith('.parquet') else 'delivered'}"
        try:
            copied = place.copy(uri, copy, MOST_BYTES)
            # Before the file is looked into: its label is none, or the node that its name gives.
            if any(known.has_content(uri, copied.sha256, label) for label in ("", _label(_node_in(name)))):
                yield Unchanged(READINGS.name, uri)
                continue
            readable = readings.look(copy, name, number)
        except BadContent as error:
            yield Problem(error.code, error.message, READINGS.name, uri, error.row, error.column)
            copy.unlink(missing_ok=True)
            continue
        if copied.version:
            _spans[uri, copied.version] = readable.span
        if not readings.is_wanted(readable.span):
            elsewhen += 1
            copy.unlink()
            continue
        known.add(copied.sha256, readable.label)
        stored = run.store(readable.table, name, copy, copied.sha256, label=readable.label)
        yield from readings.add(uri, stored, readable, copied.version, copied.delivered_at)
    if elsewhen:
        log.info("%d files hold nothing of %s to %s: passed by", elsewhen, run.since or "ever", run.until or "ever")
    yield from readings.rest()


def newest_landed(run: Run) -> float | None:
    """The last instant of any file of readings that was landed, in seconds since 1970."""
    found = run.query(
        "select max(last_at) from raw.landed_files "
        f"where source = '{SOURCE.name}' and table_name in ('{READINGS.name}', '{LOGS.name}')"
    )
    latest = found[0][0] if found else None
    return None if latest is None else datetime.fromisoformat(str(latest)).timestamp()


def _batch(alike: Alike, items: Sequence[Item]) -> Batch:
    queries = {item.lake.source_file: item.query for item in items}

    def query(files: Sequence[LakeFile]) -> str:
        return " union all ".join(f"({queries[file.source_file]})" for file in files)

    files = tuple(item.lake for item in items)
    return Batch(alike.table, alike.columns, query(files), files, query, ordered=alike.is_ordered)


def _node_in(name: str) -> str | None:
    """The node that the name of a data log gives."""
    found = _DATA_LOG.fullmatch(name)
    return found[1] if found else None


def _label(node_id: str | None) -> str:
    """What the lake's name adds to a data log, whose bytes may be the same as another node's."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", node_id or "")


def _midnight(day: object) -> float:
    return datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
