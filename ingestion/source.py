"""What a source is.

A source is a declaration (`Source`) and one function that reads it. The function turns what it fetched into `Batch`es:
queries over files that lie in the lake. No row passes Python; `landing.py` runs the queries. Standard library only, so
that the declaration can be imported by anything that needs names, keys or cadence (`orchestration` does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol

Cadence = Literal["monthly", "daily", "half-hourly", "nomination cycles"]
ReadKind = Literal["file", "full", "incremental", "id listing"]
SCHEDULES: dict[Cadence, tuple[str, ...]] = {
    "monthly": ("15 6 2 * *",),
    "daily": ("15 5 * * *",),
    "half-hourly": ("*/30 * * * *",),
}
"""When a source of that cadence is landed, as cron lines; what has nothing here says it in its declaration."""


@dataclass(frozen=True)
class Table:
    """One raw table of a source.

    `columns` are created in raw by every landing, even when nothing was delivered, so that staging always compiles;
    they equal the columns that staging declares (a test holds the two together). Columns the source adds later land as
    well. A delivery that lacks one of `key` is refused; one that lacks another column lands, and staging reports it.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    personal: tuple[str, ...] = ()
    """Columns that name or point to a person: marts see a keyed pseudonym of these and nothing else."""


@dataclass(frozen=True)
class Param:
    """A word of the source's own on the command line: `--param NAME=VALUE` reaches the reader as `Run.params`."""

    name: str
    help: str
    """What it does, in a few words, for who mistyped it."""
    is_switch: bool = False
    """Whether it is either true (1, yes) or false (0, no)."""


@dataclass(frozen=True)
class LakeFile:
    """One file in the lake, and how many rows its reader counted in it."""

    uri: str
    """Where it came from, without any credential."""
    key: str
    """Its name in the lake, relative to the lake's root."""
    sha256: str
    bytes: int
    rows: int
    columns: tuple[str, ...]
    """Column names seen in the file, in its order."""
    read_kind: ReadKind = "file"
    version: str | None = None
    """What the source calls the state this was read in (Socrata's `rowsUpdatedAt`), for the next run to compare with;
    where the source has no such word. Lands as `landed_files.version`."""
    delivered_at: str | None = None
    """When it was put where it was found (ISO 8601, UTC); where nothing tells, None. Of two files of one load that say
    different things about the same key, staging's readers take the later."""
    first_at: str | None = None
    """First instant that its rows speak of, where the reader knows (ISO 8601, UTC)."""
    last_at: str | None = None
    """Last instant that its rows speak of, itself in."""

    @property
    def source_file(self) -> str:
        """What stands as `_source_file` on each of its rows."""
        return source_file(self.key)


@dataclass(frozen=True)
class Batch:
    """New rows of one raw table.

    `query` is one DuckDB SELECT over local copies of `files`. It yields exactly `columns`, each VARCHAR with the text
    that was sent, then `_source_file` (`LakeFile.source_file`) and `_source_row` (BIGINT, 1-based place in that file).
    """

    table: str
    columns: tuple[str, ...]
    query: str
    files: tuple[LakeFile, ...]
    narrow: Callable[[Sequence[LakeFile]], str] | None = None
    """The same query over some of `files` only. When the whole query fails, landing asks it file by file, and only the
    files that fail are rejected; without it they all are."""
    ordered: bool = True
    """Whether `_source_row` counts rows in the order DuckDB reads them (`row_number() over ()`). A query that takes it
    from positions inside a value (`generate_subscripts`) says False: read in any order, landing costs less."""


@dataclass(frozen=True)
class Problem:
    """Something that could not be landed. It never stops the rest; it makes the exit code 1.

    `code` is stable and starts with its class (`DATA_`, `SOURCE_`, `PROTOCOL_`, `DENIED_`, `CONFIG_`); the message says
    what happened and what to do next, and holds neither credentials nor personal data.
    """

    code: str
    message: str
    table: str | None = None
    uri: str | None = None
    row: int | None = None
    column: str | None = None


@dataclass(frozen=True)
class Unchanged:
    """A file or data set that was looked at and holds nothing new."""

    table: str
    uri: str


class SourceError(Exception):
    """The whole source cannot be read now. Carries the same stable code as a `Problem`."""

    def __init__(self, code: str, message: str, uri: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.uri = code, message, uri


class Run(Protocol):
    """What one landing of one source may use. Implemented by `landing.py`."""

    logical_at: datetime
    """The instant this run is for (UTC). Readers go by it and never by the clock, so that a run of yesterday can be
    repeated today."""
    since: date | None
    until: date | None
    params: Mapping[str, str]
    scratch: Path
    """A folder of this run on the local disk, for copies that DuckDB reads (unpacked, or rewritten to keep every
    digit). It lives until the run's load is over, then goes."""

    def store(
        self,
        table: str,
        name: str,
        content: bytes | Path,
        sha256: str | None = None,
        *,
        label: str = "",
        day: date | None = None,
    ) -> StoredFile:
        """Puts verbatim bytes (or a local file, which is moved) into the lake, under `day` (default: of `logical_at`).

        The same content is stored once per label. A label says what the bytes themselves do not (the request they
        answer, the meter their file name told); it stands in the lake's name and so survives the warehouse. Threads may
        store at once, which many small files need: each waits for the disk.
        """
        ...

    def stored(self, table: str, since: date | None = None, until: date | None = None) -> list[LakeEntry]:
        """What the lake holds of the table between two days (both in), by day and key: for landing it again."""
        ...

    def open(self, entry: LakeEntry) -> StoredFile:
        """A file that `stored` listed, with a local path."""
        ...

    def landed(self, table: str) -> frozenset[str]:
        """SHA-256 of every file that completed loads have landed into the table."""
        ...

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of a SELECT on the warehouse (both dialects must understand it); empty when its table does not exist."""
        ...

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Moves the progress bar on a terminal, logs now and then elsewhere."""
        ...


@dataclass(frozen=True)
class LakeEntry:
    """One name in the lake, not opened yet."""

    key: str
    day: date
    label: str


@dataclass(frozen=True)
class StoredFile:
    """A file as the lake keeps it, with a local path that DuckDB can read during this run."""

    key: str
    path: Path
    sha256: str
    bytes: int

    @property
    def source_file(self) -> str:
        """What stands as `_source_file` on each of its rows."""
        return source_file(self.key)


def source_file(key: str) -> str:
    """The short name that a lake file has on its rows: its hash as in the key, and `@` with its label if it has one.

    `raw.landed_files` leads from it to the lake and to where the file came from. Short, because PostgreSQL stores it
    anew on each row: a whole key on 10 million half-hours costs 400 MB and 4 CPU seconds more.
    """
    return key.rsplit("/", 1)[1].split(".", 1)[0]


@dataclass(frozen=True)
class Source:
    """The declaration of one source; `sources/<name>/__init__.py` exports it as `SOURCE`."""

    name: str
    title: str
    tables: tuple[Table, ...]
    cadence: Cadence
    licence: str
    settings: tuple[str, ...]
    """Environment variables that point to it. With none set it is not configured, and `land all` passes it by."""
    read: Callable[[Run], Iterable[Batch | Problem | Unchanged]]
    quirks: tuple[str, ...] = field(default=())
    params: tuple[Param, ...] = ()
    """Every word that `--param` may give it; others are refused, so that a typo changes nothing in silence."""
    schedule: tuple[str, ...] = ()
    """Cron lines, where those of the cadence do not fit the publisher's timetable."""
    timezone: str = "UTC"
    """The publisher's wall clock, by which the cron lines are meant, over clock changes too."""

    @property
    def crons(self) -> tuple[str, ...]:
        """When to land it, in `timezone`. Whoever schedules may ask for other times; landing itself knows no clock."""
        return self.schedule or SCHEDULES[self.cadence]

    def table(self, name: str) -> Table:
        """The declared table of that name; KeyError names both when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"{self.name} declares no table {name!r}")
