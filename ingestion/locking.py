"""One landing at a time per warehouse, whatever host it runs on.

DuckDB: `flock` on a file beside the warehouse. PostgreSQL: a row of a loader-owned table, taken `for update nowait` in
a transaction of its own and held for the run (an advisory lock could be taken by anybody who may connect). Both die
with the process that holds them, so a killed run leaves nothing to unlock.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.errors import BusyError, WarehouseError
from ingestion.settings import absolute, read
from ingestion.warehouse import RAW, DuckDBWarehouse, PostgresWarehouse, Warehouse, WarehouseSettings, brief

LOCK_TABLE = "_landing_lock"
POLL_SECONDS = 0.2
Check = Callable[[], None]


@contextmanager
def locked_warehouse(wait: float = 0) -> Iterator[tuple[Warehouse, Check]]:
    """Opens the warehouse for landing and holds the lock.

    Yields it with a check that raises WarehouseError once the lock is lost. Raises BusyError, naming the holder, when
    another run has the lock for longer than `wait` seconds.
    """
    settings = read(WarehouseSettings)
    deadline = time.monotonic() + wait
    if settings.warehouse == "postgres":
        # The server may be down: its own retries come first, and only the lock is polled.
        warehouse = PostgresWarehouse(settings)
        try:
            _ensure_lock_table(warehouse)
            lock = warehouse.open()
            try:
                _until(deadline, lambda: _take_row(lock, warehouse))
                yield warehouse, lambda: _still_held(lock)
            finally:
                lock.close()
        finally:
            warehouse.close()
        return
    with locked_file(absolute(settings.warehouse_path), wait):
        file: Warehouse = _until(deadline, lambda: DuckDBWarehouse(settings))
        try:
            yield file, lambda: None
        finally:
            file.close()


@contextmanager
def locked_file(path: Path, wait: float = 0) -> Iterator[None]:
    """Holds the landing lock of a DuckDB warehouse without opening the warehouse, whose file may be damaged or absent.

    Raises BusyError, naming the holder, when another run has the lock for longer than `wait` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_path = path.with_name(path.name + ".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _until(time.monotonic() + wait, lambda: _take_file(descriptor, str(lock_path)))
        yield
    finally:
        os.close(descriptor)


def _until(deadline: float, attempt: Callable[[], Any]) -> Any:
    while True:
        try:
            return attempt()
        except BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)


def _take_file(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "another process"
        raise BusyError("BUSY_LOCK", f"{holder} is landing ({path}); wait for it, or use --wait SECONDS") from None
    os.ftruncate(descriptor, 0)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    os.pwrite(descriptor, f"pid {os.getpid()} on {socket.gethostname()}, since {since},".encode(), 0)


def _ensure_lock_table(warehouse: PostgresWarehouse) -> None:
    import psycopg2

    table = f"{RAW}.{LOCK_TABLE}"
    for attempt in (1, 2):  # two first runs at once may both find nothing and both create
        try:
            if not warehouse.rows(f"select 1 where to_regclass('{table}') is not null"):
                # `if not exists` would ask for the right to create schemas even where there is nothing to create.
                if not warehouse.rows(f"select 1 from pg_namespace where nspname = '{RAW}'"):
                    warehouse.rows(f"create schema if not exists {RAW}")
                warehouse.rows(f"create table if not exists {table} (name text primary key)")
            warehouse.rows(f"insert into {table} values ('landing') on conflict do nothing")
            return
        except psycopg2.errors.InsufficientPrivilege as error:
            advice = f"grant {warehouse.settings.pguser} the right to create and fill schema {RAW}"
            raise WarehouseError("DENIED_WAREHOUSE", f"{warehouse.identity}: {brief(error)}; {advice}") from None
        except psycopg2.errors.ReadOnlySqlTransaction as error:
            raise WarehouseError("WAREHOUSE_READ_ONLY", f"{warehouse.identity}: {brief(error)}") from None
        except psycopg2.Error as error:
            if attempt == 2:
                raise WarehouseError("WAREHOUSE_DOWN", f"{warehouse.identity}: {brief(error)}") from None


def _take_row(lock: Any, warehouse: PostgresWarehouse) -> None:
    import psycopg2.errors

    lock.autocommit = False
    with lock.cursor() as cursor:
        try:
            # The transaction idles while rows are fetched and loaded; a server-side limit on idling must not end it.
            cursor.execute("set local idle_in_transaction_session_timeout = 0")
            cursor.execute(f"select name from {RAW}.{LOCK_TABLE} where name = 'landing' for update nowait")
        except psycopg2.errors.LockNotAvailable:
            lock.rollback()
            raise BusyError("BUSY_LOCK", f"{_holder(warehouse)}; wait for it, or use --wait SECONDS") from None


def _holder(warehouse: PostgresWarehouse) -> str:
    found = warehouse.rows(
        f"""
        select a.application_name, coalesce(host(a.client_addr), 'a local socket'), a.xact_start
        from pg_locks as l
        inner join pg_stat_activity as a on a.pid = l.pid
        where l.relation = '{RAW}.{LOCK_TABLE}'::regclass and l.mode = 'RowShareLock' and l.granted
        order by a.xact_start
        """
    )
    if not found:
        return f"another run is landing into {warehouse.identity}"
    name, address, since = found[0]
    # The name is empty when the holder is another role's session: PostgreSQL hides it then.
    return f"{name or 'another role'} from {address} is landing" + (
        f" since {since:%Y-%m-%dT%H:%M:%SZ}" if since else ""
    )


def _still_held(lock: Any) -> None:
    import psycopg2

    try:
        with lock.cursor() as cursor:
            cursor.execute("select 1")
    except psycopg2.Error:
        raise WarehouseError(
            "WAREHOUSE_LOCK_LOST",
            "the connection that held the landing lock is gone; nothing more is written. Run again.",
        ) from None
