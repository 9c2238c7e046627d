"""What was done to the warehouse besides landing and building: one row per run in `ledger.operation_runs`.

`ledger.load_history` shows it to readers, beside landings (`raw.landing_runs`) and builds (`ledger.build_runs`). A row
is written when a run begins and again when it ends, each time on a connection that is closed before the run goes on: a
DuckDB file has one writer. Bookkeeping ends no run: what cannot be written is said as a warning.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata

from ingestion.errors import BusyError, LandingError
from ingestion.settings import absolute, git_sha, read
from ingestion.warehouse import (
    PostgresWarehouse,
    Warehouse,
    WarehouseSettings,
    brief,
    exists,
    literal,
    open_warehouse,
    quoted,
)

TABLE = "ledger.operation_runs"
COLUMNS = """
    run_id text not null,
    kind text not null,
    subject text not null,
    status text,
    code text,
    message text,
    row_count bigint,
    late_tables integer,
    stale_tables integer,
    dbt_version text,
    git_sha text,
    started_at timestamp not null,
    finished_at timestamp
"""
"""The same as in dbt_project/macros/ledger/run_history.sql: dbt may come first, or a backup."""
PATIENCE_SECONDS = 30
"""How long the end of a run waits for a DuckDB file that somebody has opened meanwhile."""
FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/;,:()]+/)+")
Warn = Callable[[str], None]


@dataclass
class Record:
    """One run, while it is under way. `row_count` are rows published, backed up, restored or compared.

    The tables are those that a freshness check found late, and stale or missing.
    """

    kind: str
    subject: str
    run_id: str = field(default_factory=lambda: secrets.token_hex(16))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "ok"
    code: str | None = None
    message: str | None = None
    row_count: int | None = None
    late_tables: int | None = None
    stale_tables: int | None = None
    dbt_version: str | None = None
    statements: list[str] = field(default_factory=list)
    """What else is written with the end."""

    def fail(self, code: str, message: str, status: str = "failed") -> None:
        self.status, self.code, self.message = status, code, message


@contextmanager
def recorded(kind: str, subject: str, warn: Warn) -> Iterator[Record]:
    """Records what happens inside; whatever is raised there is recorded and goes on its way.

    Nothing is recorded of a warehouse that holds no table of raw or ledger: it would no longer be empty. `warn` is
    called with one sentence when the end cannot be written.
    """
    record = Record(kind, subject)
    _fault(record, None)  # the end brings the whole row, so a beginning that is missing matters only to a killed run
    try:
        yield record
    except LandingError as error:
        record.fail(error.code, error.message, "busy" if isinstance(error, BusyError) else "failed")
        raise
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        record.fail("STOPPED" if stopped else "UNEXPECTED", "it was told to stop" if stopped else type(error).__name__)
        raise
    finally:
        deadline = time.monotonic() + (0 if record.status == "busy" else PATIENCE_SECONDS)
        fault = _fault(record, datetime.now(UTC))
        while isinstance(fault, BusyError) and time.monotonic() < deadline:
            time.sleep(0.2)
            fault = _fault(record, datetime.now(UTC))
        if fault:
            said = str(fault) if isinstance(fault, LandingError) else brief(fault)
            warn(f"warning: how this {kind} ended is not in {TABLE}: {said}")


def warehouse_name() -> str:
    """The warehouse for a history: the file's or the database's name, without the machine it is on."""
    settings = read(WarehouseSettings)
    return settings.pgdatabase if settings.warehouse == "postgres" else absolute(settings.warehouse_path).name


def dbt_version() -> str:
    return metadata.version("dbt-core")


def backup_ended(run_id: str, folder: str, rows: int, made_at: str) -> str:
    """The statement that gives a backup its end in a warehouse restored from it, where it is still under way."""
    at = _instant(datetime.fromisoformat(made_at))
    return (
        f"update {TABLE} set status = 'ok', subject = {literal(folder)}, row_count = {rows}, "
        f"finished_at = greatest(started_at, {at}) where run_id = {literal(run_id)} and finished_at is null"
    )


def _fault(record: Record, finished_at: datetime | None) -> Exception | None:
    """Writes the record as it stands; what kept it from that, if anything did."""
    try:
        settings = read(WarehouseSettings)
        if not exists(settings):
            return None
        warehouse = open_warehouse(settings)
        try:
            if _is_in_use(warehouse):
                _write(warehouse, record, finished_at)
        finally:
            warehouse.close()
    except Exception as error:  # of whatever kind: the run itself matters more
        return error
    return None


def _is_in_use(warehouse: Warehouse) -> bool:
    # Of the catalogue, since information_schema shows a role only what it may use.
    found = warehouse.rows(
        "select 1 from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname in ('raw', 'ledger') and c.relkind in ('r', 'p') limit 1"
    )
    return bool(found)


def _write(warehouse: Warehouse, record: Record, finished_at: datetime | None) -> None:
    if isinstance(warehouse, PostgresWarehouse):
        # A backup is the administrator's; the table and its grants are to be those of the ledger's owner all the same.
        owners = warehouse.rows(
            "select pg_get_userbyid(nspowner) from pg_namespace "
            "where nspname = 'ledger' and pg_get_userbyid(nspowner) <> current_user"
        )
        for (owner,) in owners:
            warehouse.rows(f"set role {quoted(str(owner))}")
    if not warehouse.rows("select 1 from pg_namespace where nspname = 'ledger'"):
        warehouse.rows("create schema ledger")
    warehouse.rows(f"create table if not exists {TABLE} ({COLUMNS})")
    texts = (record.run_id, record.kind, record.subject)
    result: tuple[str | None, ...] = (None, None, None)
    if finished_at:
        result = (record.status, record.code, record.message and FOLDERS.sub("", record.message))
    counts = (record.row_count, record.late_tables, record.stale_tables)
    values = [
        *map(_text, (*texts, *result)),
        *("null" if count is None else str(count) for count in counts),
        *map(_text, (record.dbt_version, git_sha())),
        _instant(record.started_at),
        _instant(finished_at) if finished_at else "null",
    ]
    warehouse.rows("begin")
    warehouse.rows(f"delete from {TABLE} where run_id = {literal(record.run_id)}")
    warehouse.rows(f"insert into {TABLE} values ({', '.join(values)})")
    for statement in record.statements if finished_at else ():
        warehouse.rows(statement)
    warehouse.rows("commit")


def _text(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _instant(at: datetime) -> str:
    return f"timestamp '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
