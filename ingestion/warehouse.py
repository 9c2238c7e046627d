"""The one reader of the warehouse settings, and the one place that opens a connection to it.

`WAREHOUSE=duckdb|postgres`, `WAREHOUSE_PATH` for DuckDB, libpq's `PG*` for PostgreSQL. Passwords go to the database
driver and nowhere else: dlt is given connections, never credentials.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field, SecretStr

from ingestion.errors import BusyError, ConfigurationError, LockedError, WarehouseError
from ingestion.settings import Settings, absolute, read

RAW = "raw"
SCHEMAS = ("raw", "staging", "intermediate", "marts", "ledger", "published")
CONNECT_SECONDS = 10
CONNECT_TRIES = 3
LOCK_SECONDS = 30
"""How long a statement waits for a table that another session holds: a migration, an open transaction of an analyst."""


class WarehouseSettings(Settings):
    """Which warehouse. The defaults are those of `dbt_project/profiles.yml`."""

    warehouse: Literal["duckdb", "postgres"] = "duckdb"
    warehouse_path: Path = Path("data/warehouse.duckdb")
    pghost: str = "localhost"
    pgport: int = Field(default=5432, ge=1, le=65535)
    pguser: str = "meterhouse"
    pgpassword: SecretStr | None = None
    pgdatabase: str = "meterhouse"
    pgsslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    pgsslrootcert: Path | None = None
    """Certificate of the authority that signed the server's; libpq's default is ~/.postgresql/root.crt."""


STORAGE_VERSION = "v1.3.0"
"""The file format a new DuckDB warehouse is made in; any DuckDB from 1.3 on opens it. Its dictionary compression of
text writes the lineage columns for less than the default format (of 0.10) writes the rows without them."""


class Warehouse(Protocol):
    """An open warehouse. `engine` is duckdb or postgres."""

    engine: Literal["duckdb", "postgres"]
    identity: str
    """Names the database without credentials, the same text for the same database."""
    connection: Any

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement; empty when it returns none."""
        ...

    def undefined(self, error: Exception) -> bool:
        """Whether the error says that a table or schema does not exist."""
        ...

    def reopen(self) -> None:
        """Drops the connection and opens another: after an error it may be dead."""
        ...

    def close(self) -> None: ...


def query(sql: str) -> list[tuple[Any, ...]]:
    """Rows of one SELECT on a connection of its own; for callers that do nothing else with the warehouse."""
    warehouse = open_warehouse()
    try:
        return warehouse.rows(sql)
    finally:
        warehouse.close()


def exists(settings: WarehouseSettings) -> bool:
    """False when the DuckDB file has not been made yet; a PostgreSQL database counts as existing."""
    return settings.warehouse == "postgres" or absolute(settings.warehouse_path).exists()


def open_warehouse(settings: WarehouseSettings | None = None) -> Warehouse:
    """Opens the configured warehouse. Raises ConfigurationError, BusyError or WarehouseError."""
    settings = settings or read(WarehouseSettings)
    return DuckDBWarehouse(settings) if settings.warehouse == "duckdb" else PostgresWarehouse(settings)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class DuckDBWarehouse:
    """One DuckDB file; while it is open no other process can open it."""

    engine: Literal["duckdb", "postgres"] = "duckdb"

    def __init__(self, settings: WarehouseSettings) -> None:
        self.path = absolute(settings.warehouse_path)
        if self.path.name.split(".")[0].lower() in SCHEMAS:
            # DuckDB names the catalog after the file, and `raw.t` would then be ambiguous.
            raise ConfigurationError(
                "CONFIG_SETTING", f"WAREHOUSE_PATH: {self.path.name} is named like a schema; rename it"
            )
        self.identity = f"duckdb:{self.path}"
        self.connection = self._open()

    def _open(self) -> Any:
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self.path), config={"storage_compatibility_version": STORAGE_VERSION})
        except duckdb.Error as error:
            raise self._explained(str(error)) from None
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def _explained(self, message: str) -> Exception:
        holder = re.search(r"\(PID (\d+)\)", message)
        if "Could not set lock" in message or "Conflicting lock" in message:
            who = f"process {holder[1]}" if holder else "another process"
            return BusyError(
                "BUSY_WAREHOUSE", f"{self.path} is open in {who}; wait for it to end, or use --wait SECONDS"
            )
        if "version number" in message or "storage version" in message.lower():
            advice = "was written by another version of DuckDB; use that version, or export and import it"
            return ConfigurationError("CONFIG_DUCKDB_VERSION", f"{self.path} {advice}. The file was not touched.")
        if "WAL" in message:
            advice = "restore the last published copy or a backup and run again; do not delete the .wal file"
            return WarehouseError(
                "WAREHOUSE_WAL_REPLAY", f"{self.path}: its write-ahead log cannot be replayed; {advice}"
            )
        return WarehouseError("WAREHOUSE_DOWN", f"{self.path} cannot be opened: {message.splitlines()[0][:300]}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql).fetchall())

    def undefined(self, error: Exception) -> bool:
        import duckdb

        return isinstance(error, duckdb.CatalogException) and "does not exist" in str(error)

    def reopen(self) -> None:
        self.close()
        self.connection = self._open()

    def close(self) -> None:
        self.connection.close()


class PostgresWarehouse:
    """One PostgreSQL database; each statement of `rows` commits by itself. A standby serves who only reads."""

    engine: Literal["duckdb", "postgres"] = "postgres"

    def __init__(self, settings: WarehouseSettings, is_written: bool = True, application: str = "landing") -> None:
        self.settings = settings
        self.application = application
        self.identity = f"postgres:{settings.pghost}:{settings.pgport}/{settings.pgdatabase}"
        self.connection = self.open()
        if not is_written:
            return
        try:
            (read_only,) = self.rows("show transaction_read_only")[0]
        except BaseException:
            self.close()
            raise
        if read_only == "on":
            self.close()
            raise WarehouseError(
                "WAREHOUSE_READ_ONLY",
                f"{self.identity} takes no writes: it is a standby, or default_transaction_read_only is on",
            )

    def open(self, search_path: str | None = None) -> Any:
        """A psycopg2 connection that commits each statement. Tries three times while the server is unreachable."""
        import psycopg2

        parameters = connection_parameters(self.settings, self.application, search_path)
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                connection = psycopg2.connect(**parameters)
                connection.autocommit = True
                return connection
            except psycopg2.OperationalError as error:
                reason = " ".join(str(error).split())
                if "authentication failed" in reason or "no password" in reason or "permission denied" in reason:
                    advice = "check PGUSER and PGPASSWORD"
                    raise WarehouseError("DENIED_WAREHOUSE", f"{self.identity}: {reason}; {advice}") from None
                if "does not exist" in reason:
                    raise ConfigurationError("CONFIG_WAREHOUSE", f"{self.identity}: {reason}") from None
                if attempt == CONNECT_TRIES:
                    tried = f"tried {CONNECT_TRIES} times; check that the server runs and PGHOST, PGPORT point to it"
                    raise WarehouseError("WAREHOUSE_DOWN", f"{self.identity}: {reason} ({tried})") from None
                time.sleep(attempt)
        raise AssertionError("unreachable")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        import psycopg2.errors

        with self.connection.cursor() as cursor:
            try:
                cursor.execute(sql)
            except psycopg2.errors.LockNotAvailable:
                advice = "end its transaction (pg_stat_activity shows it) and run again"
                held = f"another session holds a table of {RAW} for more than {LOCK_SECONDS} s; {advice}"
                raise LockedError("WAREHOUSE_LOCKED", f"{self.identity}: {held}") from None
            return list(cursor.fetchall()) if cursor.description else []

    def undefined(self, error: Exception) -> bool:
        import psycopg2.errors

        return isinstance(error, psycopg2.errors.UndefinedTable | psycopg2.errors.InvalidSchemaName)

    def reopen(self) -> None:
        self.close()
        self.connection = self.open()

    def close(self) -> None:
        self.connection.close()


def connection_parameters(
    settings: WarehouseSettings, application: str, search_path: str | None = None
) -> dict[str, Any]:
    """What psycopg2.connect is given, the password included."""
    options = f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s" + (
        f" -c search_path={search_path}" if search_path else ""
    )
    return {
        "host": settings.pghost,
        "port": settings.pgport,
        "user": settings.pguser,
        "password": settings.pgpassword.get_secret_value() if settings.pgpassword else None,
        "dbname": settings.pgdatabase,
        "sslmode": settings.pgsslmode,
        # libpq knows the variable too, but not where it stands in .env only.
        "sslrootcert": _certificates(settings),
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 30,
        "application_name": application_name(application),
        "options": options,
    }


def _certificates(settings: WarehouseSettings) -> str | None:
    if settings.pgsslrootcert is None or str(settings.pgsslrootcert) == "system":  # a word of libpq's own
        return "system" if settings.pgsslrootcert else None
    return str(absolute(settings.pgsslrootcert))


def application_name(application: str = "landing") -> str:
    """How a landing shows in pg_stat_activity, and in the message of a run that finds the lock taken."""
    return f"meterhouse {application}, pid {os.getpid()} on {socket.gethostname()}"[:63]


def duckdb_errors() -> tuple[type[Exception], ...]:
    """What a failing DuckDB query may raise: its message, cut in the middle of a character, can fail to decode."""
    import duckdb

    return (duckdb.Error, UnicodeDecodeError)


def brief(error: BaseException) -> str:
    """The first sentence of a driver's error, without the data values and statements that follow it."""
    if isinstance(error, UnicodeDecodeError):
        return "DuckDB cannot read it, and its message cannot be shown"
    diagnosis = getattr(getattr(error, "diag", None), "message_primary", None)
    text = diagnosis or next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return _without_data(text.strip())[:300]


_SHOWS_DATA = re.compile(r"Conversion Error|Out of Range Error|Invalid Input Error|Constraint Error")
_SHOWS_NONE = re.compile(r'Invalid Input Error: (Malformed JSON in file|"maximum_object_size")')
_PLACE = re.compile(r'in file "[^"]*"(, (at byte \d+ )?in (record/value|line) \d+)?')


def _without_data(text: str) -> str:
    """DuckDB shows the object or the value it stumbled over, which may be a person's: only kind and place are kept."""
    if not _SHOWS_DATA.match(text) or _SHOWS_NONE.match(text):
        return text
    what = "an object has one key twice" if "has duplicate key" in text else "a value cannot be read as it should be"
    place = _PLACE.search(text)
    return f"{what}, {place[0]}" if place else what


def columns(warehouse: Warehouse) -> dict[str, Sequence[str]]:
    """Columns of each table in raw, by table name; empty before the first landing."""
    found: dict[str, list[str]] = {}
    for table, column in warehouse.rows(
        f"select table_name, column_name from information_schema.columns where table_schema = '{RAW}' "
        "order by table_name, ordinal_position"
    ):
        found.setdefault(table, []).append(column)
    return dict(found)
