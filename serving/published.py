"""The published copy for a process that serves many readers at once, on either engine, by the same SQL.

Tables are named bare (`network_efficiency`, `load_history`); parameters are written `$name`. An answer is an Arrow
table with the same types on both engines: whole numbers are int64, exact numbers decimal128, instants timestamps
without a zone (UTC).

A new publication is noticed with the next question. An answer is always of one publication, and says which.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pydantic import SecretStr

from ingestion.errors import BusyError, WarehouseError
from ingestion.settings import Settings, absolute, read
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings
from publishing.builds import NotPublished
from publishing.publish import PUBLISHED, published_path
from serving import arrow

AT_ONCE = 8
"""Questions that are answered at once; PostgreSQL holds so many connections, which its role's limit must allow."""
WAIT_SECONDS = 10.0
"""How long a question waits for its turn."""
QUERY_SECONDS = 10.0
"""How long an answer may take."""

FIELDS = ("invocation_id", "built_at", "published_at", "dbt_vars", "relations", "git_sha")
"""Columns of the table `publication`, in the order of Publication."""
_PARAMETER = re.compile(r"\$([a-z_]+)")
_NOTHING = "nothing is published yet; run `make run`."


class ReaderSettings(Settings):
    """As whom PostgreSQL is read, where that is not PGUSER."""

    reader_pguser: str | None = None
    reader_pgpassword: SecretStr | None = None


@dataclass(frozen=True)
class Publication:
    """One publication. `built_at` and `published_at` are UTC; `vars` are dbt's, as JSON."""

    invocation_id: str
    built_at: datetime
    published_at: datetime
    vars: str
    relations: str
    git_sha: str | None

    @cached_property
    def etag(self) -> str:
        """Differs whenever an answer may: a build can be published twice (`--force`)."""
        return f"{self.invocation_id}.{self.published_at:%Y%m%d%H%M%S%f}"


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it; `kind` is the engine's own word for its type."""

    name: str
    kind: str
    description: str | None


@dataclass(frozen=True)
class Answer:
    """Rows of a question and the publication they are of."""

    publication: Publication
    table: pa.Table


class Published(Protocol):
    """Safe to use from many threads."""

    engine: str

    def publication(self) -> Publication:
        """What readers see now. Raises NotPublished when there is nothing."""
        ...

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        """Raises NotPublished; BusyError when no turn came in WAIT_SECONDS; WarehouseError, its code QUERY_FAILED or
        QUERY_TIMEOUT."""
        ...

    def tables(self) -> dict[str, list[Column]]:
        """Marts and ledgers by bare name with their columns in order."""
        ...

    def close(self) -> None: ...


def open_published(threads: int | None = None) -> Published:
    """The copy of the configured warehouse; it need not exist yet. `threads` are those of DuckDB, the asking
    one included; default: as many as there are cores. Raises ConfigurationError."""
    settings = read(WarehouseSettings)
    if settings.warehouse == "duckdb":
        return PublishedFile(published_path(absolute(settings.warehouse_path)), threads)
    reader = read(ReaderSettings)
    if reader.reader_pguser:
        settings = settings.model_copy(update={"pguser": reader.reader_pguser, "pgpassword": reader.reader_pgpassword})
    return PublishedSchema(settings)


def _turns() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def _turn(turns: threading.BoundedSemaphore) -> Iterator[None]:
    if not turns.acquire(timeout=WAIT_SECONDS):
        raise BusyError("BUSY_READERS", f"{AT_ONCE} questions were being answered for {WAIT_SECONDS:g} s; ask again")
    try:
        yield
    finally:
        turns.release()


# DuckDB -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Attached:
    """One copy that is open, and its cursors that nobody uses now."""

    connection: Any
    publication: Publication
    idle: list[Any]

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """One that finds the tables by their bare names; kept for the next question unless this one fails."""
        try:
            cursor = self.idle.pop()
        except IndexError:
            cursor = self.connection.cursor()
            cursor.execute("set search_path = 'published.marts,published.ledger,published.main'")
        try:
            yield cursor
        except BaseException:
            cursor.close()
            raise
        self.idle.append(cursor)


class PublishedFile:
    """The copy as a DuckDB file, which is replaced by another with each publication.

    It is attached to a database in memory: DuckDB gives one process one database per path, so that opening the path
    itself again would show the old file for as long as anybody has it open.
    """

    engine = "duckdb"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path = path
        self._threads = threads
        self._turns = _turns()
        self._opening = threading.Lock()
        self._identity: tuple[int, int, int] | None = None
        self._open: _Attached | None = None
        self._watch = _Watch()

    def publication(self) -> Publication:
        return self._current().publication

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        import duckdb

        with _turn(self._turns):
            current = self._current()
            try:
                with current.cursor() as cursor, self._watch.over(cursor.interrupt, QUERY_SECONDS):
                    cursor.execute(sql, _named(sql, parameters))
                    return Answer(current.publication, arrow.of_duckdb(cursor.to_arrow_table()))
            except duckdb.InterruptException:
                raise _too_long() from None
            except duckdb.Error as error:
                raise WarehouseError("QUERY_FAILED", str(error).strip()) from None

    def tables(self) -> dict[str, list[Column]]:
        found = self.ask(
            "select table_name, column_name, data_type, comment from duckdb_columns() "
            "where database_name = 'published' and schema_name in ('marts', 'ledger') order by table_name, column_index"
        )
        return _catalogue(found.table)

    def close(self) -> None:
        with self._opening:
            if self._open is not None:
                self._open.connection.close()
            self._open = self._identity = None
        self._watch.end()

    def _current(self) -> _Attached:
        with self._opening:
            try:
                status = self.path.stat()
            except FileNotFoundError:
                raise NotPublished("NOTHING_PUBLISHED", _NOTHING) from None
            identity = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if identity != self._identity:
                # Cursors of the connection that is let go keep the old file until their answer is read.
                connection = self._attached()
                cursor = connection.cursor()
                (row,) = cursor.execute(f"select {', '.join(FIELDS)} from published.main.publication").fetchall()
                self._open = _Attached(connection, Publication(*row), [])
                self._identity = identity
            assert self._open is not None
            return self._open

    def _attached(self) -> Any:
        import duckdb

        config: dict[str, Any] = {"autoinstall_known_extensions": False}
        if self._threads:
            config["threads"] = self._threads
        connection = duckdb.connect(":memory:", config=config)
        connection.execute("set TimeZone = 'UTC'")
        path = str(self.path).replace("'", "''")
        try:
            connection.execute(f"attach '{path}' as published (read_only)")
        except duckdb.Error as error:
            raise WarehouseError("PUBLISHED_UNREADABLE", f"{self.path.name}: {error}") from None
        connection.execute("set enable_external_access = false")
        return connection


class _Watch:
    """Ends what takes too long, by one thread for all questions: one for each would cost more than many an answer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, end: Callable[[], None], seconds: float) -> Iterator[None]:
        """Calls `end` once when the block is still running after so long, and never after it."""
        mark, deadline = object(), time.monotonic() + seconds
        with self._changed:
            self._deadlines[mark] = (deadline, end)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="answers", daemon=True)
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadlines.pop(mark, None)

    def end(self) -> None:
        """Lets the thread go; the next question begins another."""
        with self._changed:
            self._thread = None
            self._changed.notify()

    def _look(self) -> None:
        me = threading.current_thread()
        with self._changed:
            while self._thread is me:
                now = time.monotonic()
                for mark in [mark for mark, (deadline, _) in self._deadlines.items() if deadline <= now]:
                    self._deadlines.pop(mark)[1]()
                self._wakes_at = min((deadline for deadline, _ in self._deadlines.values()), default=math.inf)
                self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)


# PostgreSQL ---------------------------------------------------------------------------------------------------------


class PublishedSchema:
    """The copy as the schema `published`, over at most AT_ONCE connections that are kept."""

    engine = "postgres"

    def __init__(self, settings: WarehouseSettings) -> None:
        self._settings = settings
        self._turns = _turns()
        self._idle: list[PostgresWarehouse] = []
        self._keeping = threading.Lock()

    def publication(self) -> Publication:
        return self.ask("select 1 as one").publication

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        import psycopg2
        from psycopg2.errors import QueryCanceled

        with _turn(self._turns), self._connection() as connection:
            try:
                publication = self._begin(connection)
                with connection.cursor() as cursor:
                    cursor.execute(_pyformat(sql), _named(sql, parameters))
                    rows = cursor.fetchall()
                    table = arrow.of_postgres(cursor.description, rows)
                connection.cursor().execute("commit")
            except QueryCanceled:
                raise _too_long() from None
            except psycopg2.Error as error:
                raise WarehouseError("QUERY_FAILED", str(error).strip()) from None
            return Answer(publication, table)

    def tables(self) -> dict[str, list[Column]]:
        found = self.ask(
            "select c.relname::text as table_name, a.attname::text as column_name, "
            "format_type(a.atttypid, a.atttypmod) as data_type, col_description(c.oid, a.attnum) as comment "
            "from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid "
            f"where c.relnamespace = '{PUBLISHED}'::regnamespace and c.relkind in ('r', 'p') "
            "and a.attnum > 0 and not a.attisdropped and c.relname <> 'publication' order by c.relname, a.attnum"
        )
        return _catalogue(found.table)

    def close(self) -> None:
        with self._keeping:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with self._keeping:
            warehouse = self._idle.pop() if self._idle else None
        if warehouse is None or warehouse.connection.closed:
            warehouse = PostgresWarehouse(self._settings, is_written=False, application="reader")
        try:
            yield warehouse.connection
        except BaseException:
            # Whatever state it is in: a fresh one costs milliseconds.
            warehouse.close()
            raise
        with self._keeping:
            self._idle.append(warehouse)

    @staticmethod
    def _begin(connection: Any) -> Publication:
        """One copy to the end, though another may be published meanwhile (docs/decisions/0006-publish.md)."""
        import psycopg2.errors

        with connection.cursor() as cursor:
            cursor.execute("begin isolation level repeatable read read only")
            cursor.execute(
                f"set local statement_timeout = {int(QUERY_SECONDS * 1000)}; "
                f"set local search_path = {PUBLISHED}; set local timezone = 'UTC'"
            )
            try:
                cursor.execute(f"lock table {PUBLISHED}.publication in access share mode")
            except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
                raise NotPublished("NOTHING_PUBLISHED", _NOTHING) from None
            cursor.execute(f"select {', '.join(FIELDS)} from {PUBLISHED}.publication")
            return Publication(*cursor.fetchone())


# --------------------------------------------------------------------------------------------------------------------


def _too_long() -> WarehouseError:
    return WarehouseError("QUERY_TIMEOUT", f"the answer took more than {QUERY_SECONDS:g} s and was given up")


def _named(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those that the SQL names: DuckDB refuses any other."""
    given = parameters or {}
    return {name: given[name] for name in _PARAMETER.findall(sql)}


def _pyformat(sql: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def _catalogue(found: pa.Table) -> dict[str, list[Column]]:
    tables: dict[str, list[Column]] = {}
    for row in found.to_pylist():
        tables.setdefault(row["table_name"], []).append(
            Column(row["column_name"], str(row["data_type"]).lower(), row["comment"])
        )
    return tables
