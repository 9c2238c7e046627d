"""The SQLite file: copied while it may be written, then each of its tables, value by value as it was stored.

SQLite types values, not columns: an INTEGER column may hold 'abc', a TEXT column a blob or broken UTF-8. Integers and
reals become the text that gives them back exactly, text stays byte for byte; a row with a value that is no text is
reported by table, row and column, and the others land (numbered without it).
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from ingestion.clients.content import BadContent, raw_names, sql_name, sql_text
from ingestion.source import Batch, LakeFile, Problem, Run, StoredFile, Unchanged
from ingestion.sources.smart_meters import SOURCE

log = logging.getLogger(__name__)

TABLES = {"agreements": "agreement", "products": "product", "meterpoints": "meterpoint"}
"""Raw table: its name in the SQLite file."""
NEEDED = {
    "agreements": ("agreement_id", "agreement_valid_from", "agreement_valid_to", "product_id", "meterpoint_id"),
    "products": ("product_id", "display_name"),
    "meterpoints": ("meterpoint_id",),
}
"""Columns without which a snapshot would say something else: no valid_to makes every agreement open-ended."""

_WAL_HEADER = b"\x02\x02"


def read_database(run: Run, path: Path, lock_seconds: float) -> Iterator[Batch | Problem | Unchanged]:
    """A full snapshot of each table when the file's content is another than the one landed last."""
    uri = path.as_uri()
    is_orphan = _is_wal_without_log(path)
    try:
        copy = _copy(path, run.scratch, lock_seconds, is_orphan)
    except BadContent as error:
        yield Problem(error.code, error.message, uri=uri)
        return
    with copy.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    changed = [table for table in TABLES if _last_sha(run, table) != sha256]
    yield from (Unchanged(table, uri) for table in TABLES if table not in changed)
    if not changed:
        return
    stored = run.store("database", path.name if path.suffix else f"{path.name}.db", copy, sha256)
    with closing(sqlite3.connect(f"{stored.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = bytes
        for table in changed:
            yield from _table(run, database, table, uri, stored, is_orphan)


def _copy(path: Path, folder: Path, lock_seconds: float, is_orphan: bool) -> Path:
    """A consistent copy by SQLite's own backup, which reads committed pages of a WAL too. Raises BadContent."""
    if not path.is_file():
        raise BadContent("DATA_MISSING_FILE", f"{path} does not exist; correct SMART_METERS_DATABASE")
    target = folder / "database.sqlite"
    target.unlink(missing_ok=True)
    until = time.monotonic() + lock_seconds

    def waited(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise BadContent("SOURCE_LOCKED", f"{path.name} was locked by its writer for {lock_seconds:g} s; try again")

    try:
        # mode=ro: the default would make an empty file where none is. immutable=1 would read through a writer's lock:
        # it is for files of WAL mode that nobody has open, beside which SQLite would leave a -wal of its own.
        address = f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if is_orphan else "")
        with (
            closing(sqlite3.connect(address, uri=True, timeout=0.1)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy, progress=waited, sleep=0.1)
            copy.execute("pragma journal_mode = delete")
            (said,) = copy.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BadContent("SOURCE_LOCKED", f"{path.name} is locked by its writer; try again") from None
        raise BadContent("SOURCE_UNREADABLE", f"{path.name} cannot be opened ({error.sqlite_errorname})") from None
    except sqlite3.DatabaseError as error:
        said = error.sqlite_errorname
    if is_orphan and not _is_wal_without_log(path):
        raise BadContent("SOURCE_LOCKED", f"{path.name} was opened by a writer while it was copied; try again")
    if said != "ok":
        what = "is damaged, cut short or no database" if said.startswith("SQLITE_") else "fails SQLite's quick_check"
        raise BadContent("DATA_SQLITE_CORRUPT", f"{path.name} {what}; have it delivered again")
    return target


def _is_wal_without_log(path: Path) -> bool:
    """Whether the file was written through a WAL that is not beside it: rows may have stayed behind, silently."""
    if not path.is_file() or Path(f"{path}-wal").exists():
        return False
    with path.open("rb") as file:
        return file.read(20)[18:20] == _WAL_HEADER


def _last_sha(run: Run, table: str) -> str | None:
    """Hash of the latest snapshot. Not of any: a file that went back to an older content is news."""
    found = run.query(
        "select sha256 from raw.landed_files "
        f"where source = '{SOURCE.name}' and table_name = '{table}' order by _dlt_load_id desc limit 1"
    )
    return str(found[0][0]) if found else None


def _table(
    run: Run, database: sqlite3.Connection, table: str, uri: str, stored: StoredFile, is_orphan: bool
) -> Iterator[Batch | Problem]:
    name = TABLES[table]
    columns = [bytes(row[1]).decode() for row in database.execute(f"pragma table_info({sql_name(name)})")]
    lost = " It was written through a -wal file that did not come with it." if is_orphan else ""
    if not columns:
        there = ", ".join(bytes(row[0]).decode() for row in database.execute("select name from sqlite_master"))
        message = f"table {name} is missing; there are: {there[:200] or 'none'}.{lost}"
        yield Problem("DATA_MISSING_TABLE", message, table, uri)
        return
    try:
        names = raw_names(columns)
        declared = SOURCE.table(table)
        if missing := [column for column in NEEDED[table] if column not in names.values()]:
            new = ", ".join(c for c in columns if names[c] not in declared.columns) or "none"
            message = f"table {name} has no column {', '.join(missing)}; new columns: {new}"
            raise BadContent("DATA_MISSING_COLUMN", message, column=missing[0])
        rows, bad = _rows(database, name, columns)
        is_wanted = run.params.get("accept_shrink", "").lower() in ("1", "true", "yes")
        if not rows and not bad and not is_wanted:
            advice = "If that is right, run again with --param accept_shrink=true."
            raise BadContent("DATA_EMPTY", f"table {name} is empty, and a snapshot replaces what was.{lost} {advice}")
    except sqlite3.DatabaseError as error:
        yield Problem("DATA_SQLITE_CORRUPT", f"table {name} cannot be read ({error.sqlite_errorname})", table, uri)
        return
    except BadContent as error:
        yield Problem(error.code, error.message, table, uri, error.row, error.column)
        return
    yield from (Problem(error.code, error.message, table, uri, error.row, error.column) for error in bad)
    path = run.scratch / f"{table}.parquet"
    pa.parquet.write_table(
        pa.table(
            {
                **{raw: pa.array([row[i] for row in rows], pa.string()) for i, raw in enumerate(names.values())},
                "_source_row": pa.array(range(1, len(rows) + 1), pa.int64()),
            }
        ),
        path,
    )
    items = ", ".join(sql_name(raw) for raw in names.values())
    rows_of = f"read_parquet({sql_text(str(path))})"
    yield Batch(
        table,
        tuple(names.values()),
        f'select {items}, {sql_text(stored.source_file)} as "_source_file", "_source_row" from {rows_of}',
        (LakeFile(uri, stored.key, stored.sha256, stored.bytes, len(rows), tuple(names.values())),),
        ordered=False,
    )


def _rows(
    database: sqlite3.Connection, name: str, columns: Sequence[str]
) -> tuple[list[list[str | None]], list[BadContent]]:
    """The rows as text, in the table's order, and what was wrong with those left out (row numbers are the table's)."""
    items = ", ".join(f"{sql_name(column)}, typeof({sql_name(column)})" for column in columns)
    good: list[list[str | None]] = []
    bad: list[BadContent] = []
    for number, row in enumerate(database.execute(f"select {items} from {sql_name(name)}"), 1):
        try:
            good.append(
                [_text(row[2 * i], bytes(row[2 * i + 1]), name, number, column) for i, column in enumerate(columns)]
            )
        except BadContent as error:
            bad.append(error)
    return good, bad


def _text(value: object, kind: bytes, table: str, row: int, column: str) -> str | None:
    """One value as text; `kind` is SQLite's typeof. BadContent for what no text column can hold."""
    where = f"table {table}, row {row}, column {column}"
    if value is None:
        return None
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    assert isinstance(value, bytes)
    if kind == b"blob":
        raise BadContent(
            "DATA_BLOB", f"{where}: a blob of {len(value)} bytes, not text; the row is left out", row, column
        )
    if b"\0" in value:
        raise BadContent("DATA_NUL_BYTE", f"{where}: a NUL byte; the row is left out", row, column)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{where}: not UTF-8 at its byte {error.start}; the row is left out"
        raise BadContent("DATA_ENCODING", message, row, column) from None
