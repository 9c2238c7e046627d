"""Shows readers the marts and ledgers of the last build that passed, all at once.

DuckDB: a second file beside the warehouse, written under another name and moved into place by one atomic rename. A
reader who has the old file open keeps reading it whole. PostgreSQL: schema `published`, replaced in one transaction. A
reader never waits longer than LOCK_MILLISECONDS and never meets a missing table; a transaction that has locked
`published.publication` in access share mode keeps that copy to its end.

A kill leaves either the old copy or the new one, and nothing to clean up by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.errors import BusyError, LockedError
from ingestion.settings import git_sha, read
from ingestion.warehouse import (
    DuckDBWarehouse,
    PostgresWarehouse,
    Warehouse,
    WarehouseSettings,
    exists,
    literal,
    open_warehouse,
    quoted,
)
from publishing.builds import BuildRun, NotPublished, PassedBuild, passed_build, query

PUBLISHED = "published"
# Below PostgreSQL's deadlock_timeout (1 s): where a reader and the swap wait for each other, the swap steps back.
LOCK_MILLISECONDS = 500
SWAP_SECONDS = 60
PUBLICATION_COLUMNS = (
    "published_at timestamp not null, built_at timestamp not null, invocation_id text not null, "
    "dbt_vars text not null, relations text not null, git_sha text"
)


@dataclass(frozen=True)
class Publication:
    """What readers see now: `tables` as schema.name of the warehouse, with the rows of each."""

    where: str
    published_at: datetime
    built_at: datetime
    tables: dict[str, int]


def has_whole_build() -> bool:
    """Whether any run has built and tested the whole project of the configured warehouse, and passed."""
    settings = read(WarehouseSettings)
    if not exists(settings):
        return False
    warehouse = open_warehouse(settings)
    try:
        return any(run.is_whole and run.objection() is None for run in _runs(warehouse))
    finally:
        warehouse.close()


def publish(is_forced: bool = False) -> Publication | None:
    """Publishes the configured warehouse; None when the newest build that passed is published already.

    A copy costs what the marts cost; `is_forced` makes it anyway. Raises NotPublished when the last build has not
    passed, BusyError when a writer, another publication or a long reader is in the way. Readers then keep the last one.
    """
    settings = read(WarehouseSettings)
    if not exists(settings):
        raise NotPublished("BUILD_MISSING", "there is no warehouse yet; run `make run`.")
    warehouse = open_warehouse(settings)
    try:
        if isinstance(warehouse, DuckDBWarehouse):
            return _publish_file(warehouse, is_forced)
        assert isinstance(warehouse, PostgresWarehouse)
        return _publish_schema(warehouse, is_forced)
    finally:
        warehouse.close()


def published_path(warehouse_path: Path) -> Path:
    """The file that readers open, beside the warehouse."""
    return warehouse_path.with_name(f"{PUBLISHED}.duckdb")


def _judged(warehouse: Warehouse) -> PassedBuild:
    return passed_build(_runs(warehouse))


def _runs(warehouse: Warehouse) -> list[BuildRun]:
    columns = {
        str(name)
        for (name,) in warehouse.rows(
            "select column_name from information_schema.columns "
            "where table_schema = 'ledger' and table_name = 'build_runs'"
        )
    }
    return [BuildRun(*row) for row in warehouse.rows(query("nodes" in columns))] if columns else []


# DuckDB -------------------------------------------------------------------------------------------------------------


def _publish_file(warehouse: DuckDBWarehouse, is_forced: bool) -> Publication | None:
    target = published_path(warehouse.path)
    following = target.with_name(target.name + ".next")
    with only_publisher(target):
        build = _judged(warehouse)
        if not is_forced and target.exists() and _is_shown(warehouse, build, target):
            return None
        for leftover in (following, following.with_name(following.name + ".wal")):
            leftover.unlink(missing_ok=True)
        connection = warehouse.connection
        connection.execute(f"attach {literal(str(following))} as following")
        tables: dict[str, int] = {}
        for relation in build.relations:
            schema, name = relation.split(".")
            connection.execute(f"create schema if not exists following.{quoted(schema)}")
            copy = f"following.{quoted(schema)}.{quoted(name)}"
            connection.execute(f"create table {copy} as from {quoted(schema)}.{quoted(name)}")
            tables[relation] = connection.execute(f"select count(*) from {copy}").fetchone()[0]
            for statement in _comments(connection, schema, name, copy):
                connection.execute(statement)
        published_at = _now()
        connection.execute(f"create table following.publication ({PUBLICATION_COLUMNS})")
        connection.execute(
            "insert into following.publication values (?, ?, ?, ?, ?, ?)",
            [published_at, build.built_at, build.invocation_id, build.vars, json.dumps(build.relations), git_sha()],
        )
        connection.execute("checkpoint following")
        connection.execute("detach following")
        _flush(following)
        following.replace(target)
        _flush(target.parent)
    return Publication(str(target), published_at, build.built_at, tables)


def _is_shown(warehouse: DuckDBWarehouse, build: PassedBuild, target: Path) -> bool:
    connection = warehouse.connection
    connection.execute(f"attach {literal(str(target))} as shown (read_only)")
    try:
        return build.invocation_id in {row[0] for row in warehouse.rows("select invocation_id from shown.publication")}
    finally:
        connection.execute("detach shown")


def _comments(connection: Any, schema: str, name: str, copy: str) -> Iterator[str]:
    """The descriptions that dbt left on the table and its columns, said again of the copy."""
    where = f"schema_name = {literal(schema)} and database_name = current_database() and comment is not null"
    for (comment,) in connection.execute(
        f"select comment from duckdb_tables() where table_name = {literal(name)} and {where}"
    ).fetchall():
        yield f"comment on table {copy} is {literal(comment)}"
    for column, comment in connection.execute(
        f"select column_name, comment from duckdb_columns() where table_name = {literal(name)} and {where}"
    ).fetchall():
        yield f"comment on column {copy}.{quoted(column)} is {literal(comment)}"


@contextmanager
def only_publisher(target: Path) -> Iterator[None]:
    """Nobody publishes to this file meanwhile; raises BusyError when somebody does."""
    descriptor = os.open(target.with_name(target.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("BUSY_PUBLICATION", f"another publication of {target} is under way; wait for it") from None
        yield
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# PostgreSQL ---------------------------------------------------------------------------------------------------------


def _publish_schema(warehouse: PostgresWarehouse, is_forced: bool) -> Publication | None:
    import psycopg2.errors

    try:
        warehouse.rows("begin isolation level repeatable read")
        warehouse.rows(f"set local lock_timeout = {LOCK_MILLISECONDS}")
        _hold_off_builds(warehouse)
        build = _judged(warehouse)
        shown = "select 1 where to_regclass('published.publication') is not null"
        if not is_forced and warehouse.rows(shown):
            last = {invocation for (invocation,) in warehouse.rows("select invocation_id from published.publication")}
            if build.invocation_id in last:
                warehouse.rows("rollback")
                return None
        # A sequential scan may otherwise begin in the middle, next to another one, and the copy's order would differ.
        warehouse.rows("set local synchronize_seqscans = off")
        warehouse.rows("create schema published_next")
        tables = {relation: _copy(warehouse, relation) for relation in build.relations}
        published_at = _now()
        warehouse.rows(f"create table published_next.publication ({PUBLICATION_COLUMNS})")
        sha = git_sha()
        values = [f"{published_at:%Y-%m-%d %H:%M:%S.%f}", f"{build.built_at:%Y-%m-%d %H:%M:%S.%f}"]
        values += [build.invocation_id, build.vars, json.dumps(build.relations)]
        warehouse.rows(
            f"insert into published_next.publication values ({', '.join(map(literal, values))}, "
            f"{literal(sha) if sha else 'null'})"
        )
        _swap(warehouse)
        warehouse.rows("commit")
    except psycopg2.errors.DependentObjectsStillExist as error:
        found = (error.diag.message_detail or "").replace("published_last.", "published.").splitlines()
        raise NotPublished(
            "PUBLISHED_IN_USE",
            f"something is built on the tables of the last copy ({'; '.join(found[:3])}). Each publication replaces "
            "them, so make it a dbt model instead, drop it, and publish again. Readers keep the last copy.",
        ) from None
    except psycopg2.errors.InsufficientPrivilege as error:
        raise NotPublished(
            "DENIED_WAREHOUSE",
            f"{error.diag.message_primary}: {warehouse.settings.pguser} must own the schemas {PUBLISHED}, marts and "
            "ledger and be allowed to create schemas in the database.",
        ) from None
    return Publication(f"{warehouse.identity}, schema {PUBLISHED}", published_at, build.built_at, tables)


def _hold_off_builds(warehouse: PostgresWarehouse) -> None:
    """Until the end of the transaction a dbt run waits with its start, and a second publication steps back.

    Must be the first statement, so that the snapshot is taken with the lock in hand.
    """
    import psycopg2.errors

    try:
        warehouse.rows("lock table ledger.build_runs in share row exclusive mode")
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        passed_build([])
    except LockedError:
        raise BusyError(
            "BUSY_PUBLICATION", f"{warehouse.identity}: another publication or a dbt run has just begun; wait for it"
        ) from None


def _copy(warehouse: PostgresWarehouse, relation: str) -> int:
    schema, name = (quoted(part) for part in relation.split("."))
    # Comments of columns come along, that of the table does not.
    warehouse.rows(f"create table published_next.{name} (like {schema}.{name} including all)")
    for (comment,) in warehouse.rows(
        f"select obj_description({literal(f'{schema}.{name}')}::regclass, 'pg_class') as comment"
    ):
        if comment is not None:
            warehouse.rows(f"comment on table published_next.{name} is {literal(str(comment))}")
    warehouse.rows(f"insert into published_next.{name} select * from {schema}.{name}")
    warehouse.rows(f"analyze published_next.{name}")
    return int(warehouse.rows(f"select count(*) from published_next.{name}")[0][0])


def _swap(warehouse: PostgresWarehouse) -> None:
    """Puts published_next in the place of published, who could read that may read this.

    It waits for transactions that have read the last copy: those that took a snapshot before would find the new tables
    empty. While it waits, new readers pass, but for LOCK_MILLISECONDS at a time.
    """
    if not warehouse.rows("select 1 from pg_namespace where nspname = 'published'"):
        warehouse.rows("alter schema published_next rename to published")
        return
    # `publication` first, as those readers do who keep one copy to the end: whoever asks next then waits at the door.
    # With a table taken before it they would hold the door and wait for the table, and the swap for them.
    named = warehouse.rows(
        "select tablename from pg_tables where schemaname = 'published' order by tablename <> 'publication', tablename"
    )
    last = [str(name) for (name,) in named]
    _same_readers(warehouse)
    if last:
        _lock_out_readers(warehouse, [f"published.{quoted(name)}" for name in last])
    warehouse.rows("alter schema published rename to published_last")
    warehouse.rows("alter schema published_next rename to published")
    if last:
        warehouse.rows(f"drop table {', '.join(f'published_last.{quoted(name)}' for name in last)}")
    warehouse.rows("drop schema published_last")


def _same_readers(warehouse: PostgresWarehouse) -> None:
    """A replaced schema has no grants: those on the last schema, and on its table of publications, are said again."""
    readers = warehouse.rows(
        """
        select distinct case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end
        from pg_namespace as n cross join aclexplode(n.nspacl) as acl
        where n.nspname = 'published' and acl.privilege_type = 'USAGE' and acl.grantee <> n.nspowner
        """
    )
    for (reader,) in readers:
        warehouse.rows(f"grant usage on schema published_next to {reader}")
        warehouse.rows(f"grant select on all tables in schema published_next to {reader}")


def _lock_out_readers(warehouse: PostgresWarehouse, tables: list[str]) -> None:
    deadline = time.monotonic() + SWAP_SECONDS
    warehouse.rows("savepoint before_lock")
    while True:
        try:
            warehouse.rows(f"lock table {', '.join(tables)} in access exclusive mode")
            return
        except LockedError:
            warehouse.rows("rollback to savepoint before_lock")
            if time.monotonic() > deadline:
                raise BusyError("BUSY_READERS", _who_reads(warehouse)) from None
            time.sleep(0.05)


def _who_reads(warehouse: PostgresWarehouse) -> str:
    found = warehouse.rows(
        """
        select distinct a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), a.xact_start
        from pg_locks as l
        inner join pg_class as c on c.oid = l.relation
        inner join pg_stat_activity as a on a.pid = l.pid
        where c.relnamespace = 'published'::regnamespace and l.granted and l.pid <> pg_backend_pid()
        order by 3 limit 1
        """
    )
    who = "a transaction that reads it"
    if found:
        pid, application, since = found[0]
        who = f"a transaction that reads it: server process {pid}, {application}, since {since:%H:%M:%S} UTC"
    return f"the last copy has been held for {SWAP_SECONDS} s by {who}. Readers keep it; publish again when that ends."


# --------------------------------------------------------------------------------------------------------------------


def _now() -> datetime:
    """UTC, without a zone: as every instant in the marts."""
    return datetime.now(UTC).replace(tzinfo=None)
