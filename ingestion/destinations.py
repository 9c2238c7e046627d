"""dlt's two destinations, each with our own load job (see `packages.py`). Imported while landing only: it loads dlt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TSchemaTables
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.factory import duckdb as duckdb_destination
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import postgres as postgres_destination
from dlt.destinations.impl.postgres.postgres import PostgresClient

from ingestion.counts import count_files, wrong_files
from ingestion.crash import crash_point
from ingestion.packages import FORMAT, Packages, Part
from ingestion.warehouse import PostgresWarehouse, brief, duckdb_errors, literal, quoted

_current: Packages | None = None
"""The package being loaded: dlt builds clients and jobs itself and hands nothing of ours through. There is only one."""


def destination(packages: Packages) -> Any:
    """The dlt destination of the warehouse the packages go to."""
    global _current
    _current = packages
    if isinstance(packages.warehouse, PostgresWarehouse):
        # dlt wants credentials. The connections are opened by `warehouse.py`, so these are labels, the password too.
        settings = packages.warehouse.settings
        credentials = PostgresCredentials()
        credentials.host, credentials.port = settings.pghost, settings.pgport
        credentials.username, credentials.password = settings.pguser, "kept by warehouse.py"
        credentials.database = settings.pgdatabase
        return PostgresDoor(credentials=credentials, create_indexes=False)
    return DuckDBDoor(credentials=packages.warehouse.connection)


def _packages() -> Packages:
    assert _current is not None
    return _current


class _Door:
    """What both clients do at the edges of a package."""

    def update_stored_schema(self, *arguments: Any, **keywords: Any) -> TSchemaTables | None:
        update: TSchemaTables | None = super().update_stored_schema(*arguments, **keywords)  # type: ignore[misc]
        crash_point("load.start")
        return update

    def complete_load(self, load_id: str) -> None:
        _packages().before_completion(load_id)
        crash_point("load.before_loads_row")
        super().complete_load(load_id)  # type: ignore[misc]
        crash_point("load.after_loads_row")


class DuckDBClient(_Door, DuckDbClient):
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        return DuckDBJob(file_path)


class DuckDBJob(RunnableLoadJob):
    """`insert ... select` in one transaction; DuckDB reads the lake's files itself."""

    def run(self) -> None:
        client: Any = self._job_client
        target = client.sql_client.make_qualified_table_name(self.load_table_name)

        def insert(part: Part, select: str) -> int:
            names = ", ".join(quoted(column) for column in (*part.columns, "_dlt_load_id"))
            engine = client.sql_client.native_connection
            with _order_of(engine, part):
                done = engine.execute(f"insert into {target} ({names}) {select}").fetchone()
            return int(done[0])

        _packages().run_job(self._file_path, self._load_id, self.load_table_name, insert)


class DuckDBDoor(duckdb_destination):
    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return _only_our_format(super()._raw_capabilities())

    @property
    def client_class(self) -> type[DuckDBClient]:
        return DuckDBClient


class PostgresDoorClient(_Door, PostgresClient):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        client: Any = self.sql_client
        warehouse = _packages().warehouse
        assert isinstance(warehouse, PostgresWarehouse)

        def open_connection() -> Any:
            client._conn = warehouse.open(search_path=client.dataset_name)
            client._reset_connection()
            return client._conn

        client.open_connection = open_connection

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        return PostgresJob(file_path)


class PostgresJob(RunnableLoadJob):
    r"""DuckDB writes a CSV, COPY reads it in one transaction. Null is a bare `\N`; '' and a text `\N` stay so."""

    def run(self) -> None:
        client: Any = self._job_client
        target = client.sql_client.make_qualified_table_name(self.load_table_name)
        path = _packages().scratch / f"{self.load_table_name}.csv"

        def copy(part: Part, select: str) -> int:
            with duckdb.connect() as engine:
                form = "(format csv, header false, nullstr '\\N', delimiter ',', quote '\"', escape '\"')"
                with _order_of(engine, part):
                    written = engine.execute(f"copy ({select}) to {literal(str(path))} {form}").fetchone()
                if part.batch:
                    _packages().check_files(part, _count_csv(engine, path, part) or _count_query(engine, select))
            crash_point("load.csv_written")
            names = ", ".join(quoted(column) for column in (*part.columns, "_dlt_load_id"))
            statement = f"copy {target} ({names}) from stdin with (format csv, null '\\N', encoding 'UTF8')"
            with (
                path.open("rb") as stream,
                client.sql_client.begin_transaction(),
                client.sql_client.native_connection.cursor() as cursor,
                _unprinted(),
            ):
                cursor.copy_expert(statement, stream, size=1 << 18)
                copied = int(cursor.rowcount)
                if written is None or written[0] != copied:
                    raise AssertionError(f"{written} rows were written and {copied} copied")
            return copied

        try:
            _packages().run_job(self._file_path, self._load_id, self.load_table_name, copy)
        finally:
            path.unlink(missing_ok=True)


def _count_csv(engine: duckdb.DuckDBPyConnection, path: Path, part: Part) -> list[tuple[Any, ...]]:
    """Rows per file, from the CSV: a quarter of what asking the query again or PostgreSQL costs.

    Empty when it cannot be told (a line longer than the reader takes) or is not what it should be: the query decides.
    """
    types = "{" + ", ".join(f"{literal(column)}: 'varchar'" for column in (*part.columns, "_dlt_load_id")) + "}"
    options = f"header = false, auto_detect = false, nullstr = '\\N', quote = '\"', escape = '\"', columns = {types}"
    try:
        counted = engine.execute(count_files(f"read_csv({literal(str(path))}, {options})")).fetchall()
    except duckdb_errors():
        return []
    assert part.batch
    return [] if wrong_files(counted, part.batch.files) else counted


def _count_query(engine: duckdb.DuckDBPyConnection, select: str) -> list[tuple[Any, ...]]:
    return engine.execute(count_files(f"({select})")).fetchall()


@contextmanager
def _order_of(engine: duckdb.DuckDBPyConnection, part: Part) -> Iterator[None]:
    engine.execute(f"set preserve_insertion_order = {str(part.ordered).lower()}")
    try:
        yield
    finally:
        engine.execute("reset preserve_insertion_order")


@contextmanager
def _unprinted() -> Iterator[None]:
    """Keeps psycopg2 from printing: when a COPY is cut off, it shows the server's error and the row."""
    told: list[BaseException] = []
    before, sys.excepthook = sys.excepthook, lambda kind, error, trace: told.append(error)
    try:
        yield
    except psycopg2.Error as error:
        if told:
            raise ConnectionError(brief(told[0].__cause__ or told[0])) from None  # dlt tries the job again
        raise error
    finally:
        sys.excepthook = before


class PostgresDoor(postgres_destination):
    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return _only_our_format(super()._raw_capabilities())

    @property
    def client_class(self) -> type[PostgresDoorClient]:
        return PostgresDoorClient


def _only_our_format(capabilities: DestinationCapabilitiesContext) -> DestinationCapabilitiesContext:
    # With no other format on offer, dlt's default (typed literals, 26 to 54 times slower) cannot be met by accident.
    capabilities.preferred_loader_file_format = FORMAT  # type: ignore[assignment]
    capabilities.supported_loader_file_formats = [FORMAT]  # type: ignore[list-item]
    capabilities.loader_file_format_selector = None  # type: ignore[assignment]
    return capabilities
