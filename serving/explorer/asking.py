"""From a person's question to its answer: written down, through the parser's wall, carried out behind the engine's."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from ingestion.errors import BusyError, LandingError
from ingestion.settings import Settings, absolute, read
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings, connection_parameters
from publishing.builds import NotPublished
from publishing.publish import published_path
from serving.explorer import audit, parser
from serving.explorer.answers import MAX_ROWS, ExplorerError, Plan, Result
from serving.explorer.processes import Carried, carry
from serving.published import FIELDS, Publication, PublishedFile, PublishedSchema

SECONDS = 10.0
MAX_BYTES = 64_000_000
AT_ONCE = 4
"""Questions at once in one process: with one more session, which ends another, they fill the limit of the role (5)."""
WAIT_SECONDS = 10.0

_HERE = Path(__file__).resolve().parent
_turns = threading.BoundedSemaphore(AT_ONCE)


class ExplorerSettings(Settings):
    """As whom PostgreSQL is asked; default: PGUSER, which is refused when it may do more than read."""

    explorer_pguser: str | None = None
    explorer_pgpassword: SecretStr | None = None


@dataclass(frozen=True)
class Run:
    """What came of a statement that went to the engine as it was given."""

    publication: Publication
    table: pa.Table
    is_truncated: bool


def ask(sql: str, who: str, limit: int) -> Result:
    if not 1 <= limit <= MAX_ROWS:
        raise ExplorerError("QUERY_TOO_LARGE", f"between 1 and {MAX_ROWS:,} rows are answered, not {limit:,}")
    run, milliseconds = _audited(sql, who, "ask", limit)
    return Result(run.publication, run.table, run.is_truncated, milliseconds)


def explain(sql: str, who: str) -> Plan:
    run, milliseconds = _audited(sql, who, "explain", None)
    return Plan(run.publication, "\n".join(run.table.column("plan").to_pylist()), milliseconds)


def _audited(sql: str, who: str, kind: str, limit: int | None) -> tuple[Run, int]:
    started = time.monotonic()
    number = audit.begin(who, kind, sql)
    outcome, rows = "STOPPED", None
    try:
        if not _turns.acquire(timeout=WAIT_SECONDS):
            raise BusyError(
                "BUSY_EXPLORER", f"{AT_ONCE} questions were being answered for {WAIT_SECONDS:g} s; ask again"
            )
        try:
            settings = _settings()
            statement = parser.checked(sql, settings.warehouse, _relations(settings), limit)
            run = _run(settings, statement, limit)
        finally:
            _turns.release()
        outcome, rows = "OK", run.table.num_rows if kind == "ask" else None
    except LandingError as error:
        outcome = error.code
        raise
    finally:
        milliseconds = round((time.monotonic() - started) * 1000)
        audit.end(number, outcome, rows, milliseconds)
    return run, milliseconds


def _settings() -> WarehouseSettings:
    settings = read(WarehouseSettings)
    explorer = read(ExplorerSettings)
    if settings.warehouse == "postgres" and explorer.explorer_pguser:
        given = {"pguser": explorer.explorer_pguser, "pgpassword": explorer.explorer_pgpassword}
        return settings.model_copy(update=given)
    return settings


def _relations(settings: WarehouseSettings) -> list[str]:
    reader: PublishedFile | PublishedSchema
    if settings.warehouse == "duckdb":
        reader = PublishedFile(published_path(absolute(settings.warehouse_path)))
    else:
        reader = PublishedSchema(settings)
    try:
        return list(json.loads(reader.publication().relations))
    finally:
        reader.close()


def _run(settings: WarehouseSettings, statement: str, limit: int | None) -> Run:
    """The engine's wall alone: the statement goes to it as it is. `limit` None asks for its plan."""
    request: dict[str, Any] = {
        "sql": statement,
        "rows": limit or 0,
        "is_plan": limit is None,
        "bytes": MAX_BYTES,
        "seconds": SECONDS,
        "fields": FIELDS,
    }
    if settings.warehouse == "duckdb":
        path = published_path(absolute(settings.warehouse_path))
        done = carry(_HERE / "duckdb_child.py", {**request, "path": str(path)}, SECONDS)
    else:
        connection = connection_parameters(settings, "explorer")
        done = carry(
            _HERE / "postgres_child.py",
            {**request, "connection": connection},
            SECONDS,
            lambda facts: _end_session(settings, facts),
        )
    return _told(done)


def _told(done: Carried) -> Run:
    code = done.facts["code"]
    if code == "NOTHING_PUBLISHED":
        raise NotPublished(code, done.facts["message"])
    if code != "OK" or done.table is None:
        raise ExplorerError(code, done.facts["message"])
    invocation_id, built_at, published_at, *others = done.facts["publication"]
    publication = Publication(
        invocation_id, datetime.fromisoformat(built_at), datetime.fromisoformat(published_at), *others
    )
    return Run(publication, done.table, done.facts["is_truncated"])


def _end_session(settings: WarehouseSettings, facts: dict[str, Any]) -> None:
    """The server does not see that a client died while it is busy, and a statement may have lifted its own limit."""
    if "backend" not in facts:
        return
    warehouse = PostgresWarehouse(settings, is_written=False, application="explorer watchdog")
    try:
        warehouse.rows(
            f"select pg_terminate_backend(pid, 2000) from pg_stat_activity where pid = {int(facts['backend'])} "
            "and usename = current_user and application_name like 'meterhouse explorer,%'"
        )
    finally:
        warehouse.close()
