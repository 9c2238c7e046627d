"""Makes a backup: the warehouse as of one instant, the published copy, the pseudonym key, and the list of the lake.

It holds the landing lock, so no load is caught halfway. DuckDB: after a checkpoint the file is all there is, and is
copied while nobody else can open it. PostgreSQL: pg_dump and the counts read one snapshot.

The backup appears under its name only when it is complete; what a kill leaves behind is named `.making-...`.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ingestion.locking import locked_warehouse
from ingestion.settings import LandingSettings, absolute, git_sha, read
from ingestion.warehouse import (
    DuckDBWarehouse,
    PostgresWarehouse,
    WarehouseSettings,
    exists,
    literal,
    open_warehouse,
)
from operations import programs
from operations.contents import OURS, Rows, contents
from operations.errors import BackupError
from operations.lake import note
from operations.manifest import (
    DATABASE,
    FILE,
    KEY,
    LAKE_LIST,
    MAKING,
    PUBLISHED_FILE,
    Manifest,
    Part,
    copied,
    measured,
    read_manifest,
    verified,
)
from publishing.publish import only_publisher, published_path

Inspect = Callable[[Rows, str], None]
"""Called with the warehouse as it is backed up, for who wants to compare it later."""


@dataclass(frozen=True)
class Backup:
    """A complete backup and where it lies."""

    folder: Path
    manifest: Manifest


def backups_folder() -> Path:
    return read(LandingSettings).data / "backups"


def make(
    parent: Path | None = None,
    *,
    with_lake: bool = False,
    wait: float = 0,
    inspect: Inspect = lambda rows, engine: None,
    run_id: str | None = None,
) -> Backup:
    """Backs up the configured warehouse into a new folder of `parent` (default: `backups` of the data folder).

    `run_id` is its name in `ledger.operation_runs`, where the backup itself shows it under way.

    Raises BusyError when a landing holds the lock for longer than `wait` seconds, BackupError when there is nothing to
    back up or it cannot be read; then nothing is left behind.
    """
    settings, landing = read(WarehouseSettings), read(LandingSettings)
    parent = absolute(parent) if parent else landing.data / "backups"
    dump = _ready(settings)
    # A file of DuckDB's that this process has opened must not be closed before DuckDB's own connection is: closing any
    # handle gives up the lock that keeps other processes out. Hence the outermost stack.
    with ExitStack() as closed_last, locked_warehouse(wait) as (warehouse, _), _making(parent) as (folder, final):
        newest = warehouse.rows("select max(load_id) from raw._dlt_loads where status = 0")[0][0] or ""
        landed = {
            str(key): (int(size), str(sha256))
            for key, size, sha256 in warehouse.rows("select distinct lake_key, bytes, sha256 from raw.landed_files")
            if key
        }
        parts: list[Part] = []
        versions = {"python": platform.python_version()}
        roles: list[str] = []
        if isinstance(warehouse, DuckDBWarehouse):
            parts += _copy_files(warehouse, folder, closed_last)
            versions["duckdb"] = str(warehouse.rows("select version()")[0][0])
            found = contents(warehouse.rows, "duckdb", digests=False)
            inspect(warehouse.rows, "duckdb")
        else:
            assert isinstance(warehouse, PostgresWarehouse) and dump
            roles = _roles(warehouse)
            versions |= {"postgres": str(warehouse.rows("show server_version")[0][0]), "pg_dump": dump[1]}
            with _snapshot(warehouse) as (rows, snapshot):
                parts.append(_dump(warehouse, dump[0], folder, snapshot))
                found = contents(rows, "postgres", digests=False)
                inspect(rows, "postgres")
        parts += _key(landing, folder)
        lake = note(landing.lake, landed, folder, with_lake)
        parts.append(measured(folder / LAKE_LIST))
        manifest = Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            engine=warehouse.engine,
            warehouse=warehouse.identity,
            newest_load=str(newest),
            git_sha=git_sha(),
            versions=versions,
            roles=roles,
            tables={name: content.rows for name, content in found.items()},
            lake=lake,
            parts=parts,
            run_id=run_id,
        )
        manifest.write(folder)
        final()
    return Backup(final.folder, manifest)


def _ready(settings: WarehouseSettings) -> tuple[Path, str] | None:
    """Whether there is anything to back up, asked before anything is locked or made; pg_dump and its version."""
    nothing = BackupError("NOTHING_LANDED", "nothing has landed in this warehouse yet; there is nothing to back up")
    if not exists(settings):
        raise nothing
    warehouse = open_warehouse(settings)
    try:
        # The lock's table must not be made by an administrator: it is the loader's.
        names = (
            "('_dlt_loads', 'landed_files')" if warehouse.engine == "duckdb" else "('_landing_lock', 'landed_files')"
        )
        present = warehouse.rows(
            f"select table_name from information_schema.tables where table_schema = 'raw' and table_name in {names}"
        )
        if len(present) < 2:
            raise nothing
        if isinstance(warehouse, DuckDBWarehouse):
            return None
        if warehouse.rows("select 1 from pg_extension where extname = 'timescaledb'"):
            raise BackupError(
                "BACKUP_TIMESCALEDB",
                "the database has TimescaleDB, whose chunks lie outside of the schemas that are dumped; "
                "back it up whole, as its manual says",
            )
        major = int(warehouse.rows("select current_setting('server_version_num')::integer / 10000")[0][0])
        return programs.find("pg_dump", major)
    finally:
        warehouse.close()


class _Final:
    """Calling it gives the folder its name: from then on it is a backup."""

    def __init__(self, making: Path, folder: Path) -> None:
        self.making, self.folder, self.is_done = making, folder, False

    def __call__(self) -> None:
        _flush(self.making)
        self.making.rename(self.folder)
        _flush(self.folder.parent)
        self.is_done = True


@contextmanager
def _making(parent: Path) -> Iterator[tuple[Path, _Final]]:
    parent.mkdir(parents=True, exist_ok=True)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    folder = parent / f"{MAKING}{stamp}"
    folder.mkdir(mode=0o700)
    final = _Final(folder, parent / stamp)
    try:
        yield folder, final
    except OSError as error:
        if error.errno == 28:
            raise BackupError(
                "DISK_FULL", f"there is no space for a backup in {parent}; nothing was kept of it"
            ) from None
        raise
    finally:
        if not final.is_done:
            shutil.rmtree(folder, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# DuckDB -------------------------------------------------------------------------------------------------------------


def _copy_files(warehouse: DuckDBWarehouse, folder: Path, closed_last: ExitStack) -> list[Part]:
    warehouse.rows("force checkpoint")
    log = warehouse.path.with_name(warehouse.path.name + ".wal")
    if log.exists() and log.stat().st_size:
        raise BackupError("BACKUP_CHECKPOINT", f"{log} is not empty after a checkpoint; run again")
    parts = [copied(closed_last.enter_context(warehouse.path.open("rb")), folder / FILE)]
    shown = published_path(warehouse.path)
    closed_last.enter_context(only_publisher(shown))
    if shown.exists():
        with shown.open("rb") as stream:
            parts.append(copied(stream, folder / PUBLISHED_FILE))
    return parts


# PostgreSQL ---------------------------------------------------------------------------------------------------------


@contextmanager
def _snapshot(warehouse: PostgresWarehouse) -> Iterator[tuple[Rows, str]]:
    """Reads one snapshot to the end, and its name, by which pg_dump reads the same."""
    connection = warehouse.open()
    try:

        def rows(sql: str) -> list[tuple[object, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []

        rows("begin isolation level repeatable read read only")
        rows("set local idle_in_transaction_session_timeout = 0")
        rows("set local statement_timeout = 0")
        ((name,),) = rows("select pg_export_snapshot()")
        yield rows, str(name)
    finally:
        connection.close()


def _dump(warehouse: PostgresWarehouse, program: Path, folder: Path, snapshot: str) -> Part:
    names = ", ".join(map(literal, OURS))
    schemas = [str(n) for (n,) in warehouse.rows(f"select nspname from pg_namespace where nspname in ({names})")]
    target = folder / DATABASE
    command = [str(program), "--format=custom", f"--file={target}", f"--snapshot={snapshot}", "--no-password",
               "--lock-wait-timeout=60000", *(f"--schema={schema}" for schema in sorted(schemas))]  # fmt: skip
    target.touch(mode=0o600)
    programs.run(command, warehouse.settings)
    _flush(target)
    return measured(target)


def _roles(warehouse: PostgresWarehouse) -> list[str]:
    """Owners of the schemas and tables, and who is granted them; a restore needs these roles."""
    names = ", ".join(map(literal, OURS))
    found = warehouse.rows(
        f"""
        with things as (
            select nspowner as owner, coalesce(nspacl, acldefault('n', nspowner)) as acl
            from pg_namespace where nspname in ({names})
            union all
            select relowner, coalesce(relacl, acldefault('r', relowner))
            from pg_class where relnamespace::regnamespace::text in ({names}) and relkind in ('r', 'p', 'v', 'm')
        )
        select pg_get_userbyid(owner) from things
        union
        select pg_get_userbyid(granted.grantee) from things cross join aclexplode(acl) as granted
        where granted.grantee <> 0
        order by 1
        """
    )
    return [str(name) for (name,) in found]


# The key, and what there is -----------------------------------------------------------------------------------------


def _key(landing: LandingSettings, folder: Path) -> list[Part]:
    """The pseudonym key, without which pseudonyms of before and after a restore would not be the same."""
    target = folder / KEY
    if landing.pseudonym_key is not None:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(landing.pseudonym_key + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return [replace(measured(target), secret=True)]
    if landing.key_file.exists():
        with landing.key_file.open("rb") as source:
            return [copied(source, target, secret=True)]
    return []


@dataclass(frozen=True)
class Found:
    """One folder among the backups: its manifest, or what is wrong with it."""

    folder: Path
    manifest: Manifest | None
    fault: str | None


def found_in(parent: Path) -> list[Found]:
    """Every backup of a folder, oldest first, each read whole and compared with its hashes."""
    if not parent.is_dir():
        return []
    listed = []
    for folder in sorted(parent.iterdir(), key=lambda path: path.name.removeprefix(MAKING)):
        if not folder.is_dir():
            continue
        try:
            listed.append(Found(folder, verified(folder), None))
        except BackupError as error:
            manifest = None
            if error.code == "BACKUP_DAMAGED":
                try:
                    manifest = read_manifest(folder)
                except BackupError:
                    pass
            listed.append(Found(folder, manifest, f"{error.code}: {error.message}"))
    return listed
