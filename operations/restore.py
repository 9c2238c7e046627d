"""Restores a backup: verified before anything is touched, put in place at once, never half.

DuckDB: the file is copied beside the warehouse, opened, counted, and moved into place by one rename. PostgreSQL: the
dump goes into a new database, is counted there, and takes the name in one transaction. What was there before is kept
under another name, and only replaced when told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.errors import BusyError, ConfigurationError, LandingError, WarehouseError
from ingestion.locking import locked_file
from ingestion.settings import LandingSettings, absolute
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings, brief, duckdb_errors, literal, quoted
from operations import lake, programs, roles
from operations.contents import contents, tables
from operations.errors import BackupError
from operations.manifest import DATABASE, FILE, KEY, PUBLISHED_FILE, Manifest, copied, verified
from publishing.publish import only_publisher, published_path

RESTORING = "restoring"


@dataclass
class Restored:
    """What came of it. `kept` is what was there before, under the names it has now; `notes` are for people."""

    where: str
    manifest: Manifest
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.manifest.tables.values())


def restore(
    folder: Path, settings: WarehouseSettings, landing: LandingSettings, *, replace: bool = False, wait: float = 0
) -> Restored:
    """Restores the backup in `folder` into the warehouse of the settings.

    Raises BackupError when the backup is damaged, when the target holds anything and `replace` is not said, or when
    what was restored is not what was backed up; BusyError when somebody uses the target. The warehouse is then as it
    was.
    """
    folder = absolute(folder)
    manifest = verified(folder)
    if manifest.engine != settings.warehouse:
        raise BackupError("RESTORE_ENGINE", f"{folder} is of {manifest.engine}: set WAREHOUSE={manifest.engine}")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    _compare_key(folder, landing, replace)
    absent = _compare_lake(folder, manifest, landing)
    is_file = settings.warehouse == "duckdb"
    where = (
        str(absolute(settings.warehouse_path))
        if is_file
        else f"{settings.pghost}:{settings.pgport}/{settings.pgdatabase}"
    )
    restored = Restored(f"{settings.warehouse}:{where}", manifest)

    def first() -> None:
        _first(folder, landing, restored, absent, stamp)

    if is_file:
        _restore_file(folder, settings, restored, replace, wait, stamp, first)
    else:
        _restore_database(folder, settings, restored, replace, stamp, first)
    return restored


# The key and the lake -----------------------------------------------------------------------------------------------


def _compare_key(folder: Path, landing: LandingSettings, replace: bool) -> None:
    """Refuses a target with another pseudonym key: the next landing would give everybody a second pseudonym."""
    path = folder / KEY
    if not path.exists():
        return
    ours = path.read_text(encoding="utf-8").strip()
    if landing.pseudonym_key is not None:
        if landing.pseudonym_key.strip() != ours:
            raise BackupError("RESTORE_KEY", "PSEUDONYM_KEY is not the key of the backup; unset it, or set that one")
    elif landing.key_file.exists() and landing.key_file.read_text(encoding="utf-8").strip() != ours and not replace:
        raise BackupError("RESTORE_KEY", f"{landing.key_file} is not the key of the backup; see --replace")


def _compare_lake(folder: Path, manifest: Manifest, landing: LandingSettings) -> list[lake.LakeFile]:
    absent, other = lake.differing(folder, landing.lake)
    if other:
        raise BackupError(
            "RESTORE_LAKE",
            f"{len(other)} files of the lake {landing.lake} have another size than in the backup, first "
            f"{other[0].key}; point LAKE_URL to another lake. Nothing was changed.",
        )
    return absent


def _first(folder: Path, landing: LandingSettings, restored: Restored, absent: list[lake.LakeFile], stamp: str) -> None:
    """Puts back what a warehouse needs beside it, before the warehouse takes its place; doing it twice does no harm."""
    key = folder / KEY
    if key.exists() and landing.pseudonym_key is None:
        target = landing.key_file
        if target.exists() and target.read_text(encoding="utf-8").strip() != key.read_text(encoding="utf-8").strip():
            aside = target.with_name(f"{target.name}.replaced-{stamp}")
            target.rename(aside)
            restored.kept.append(str(aside))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            with key.open("rb") as stream:
                copied(stream, temporary)
            temporary.replace(target)
            restored.notes.append(f"the pseudonym key is in {target}: keep it, and keep it secret")
    if absent and restored.manifest.lake.copied:
        lake.put_back(folder, absent, landing.lake)
        restored.notes.append(f"{len(absent):,} files were put back into the lake {landing.lake}")
    elif absent:
        restored.notes.append(
            f"the lake {landing.lake} lacks {len(absent):,} of the {restored.manifest.lake.files:,} files that the "
            f"backup lists (they were in {restored.manifest.lake.url}); until it has them, "
            "rows cannot be followed to their bytes"
        )


# DuckDB -------------------------------------------------------------------------------------------------------------


def _restore_file(
    folder: Path,
    settings: WarehouseSettings,
    restored: Restored,
    replace: bool,
    wait: float,
    stamp: str,
    first: Callable[[], None],
) -> None:
    target = absolute(settings.warehouse_path)
    shown = published_path(target)
    with locked_file(target, wait), only_publisher(shown):
        _may_replace(target, shown, folder, replace)
        beside = [(folder / FILE, target)]
        if (folder / PUBLISHED_FILE).exists():
            beside.insert(0, (folder / PUBLISHED_FILE, shown))
        fresh = [(place.with_name(f"{place.name}.{RESTORING}"), place) for _, place in beside]
        try:
            for (source, _), (new, _) in zip(beside, fresh, strict=True):
                new.unlink(missing_ok=True)
                with source.open("rb") as stream:
                    copied(stream, new)
            _check(_file_contents(fresh[-1][0]), restored.manifest)
            first()
            for new, place in fresh:
                _swap_file(new, place, restored, stamp)
            if len(fresh) == 1 and shown.exists():  # a copy of another warehouse must not be shown
                _aside(shown, restored, stamp)
        finally:
            for new, _ in fresh:
                new.unlink(missing_ok=True)


def _may_replace(target: Path, shown: Path, folder: Path, replace: bool) -> None:
    """Refuses a target that holds something, or that somebody has open; after it, the old file has no log beside it."""
    import duckdb

    if not target.exists():
        if shown.exists() and not replace:
            source = folder / PUBLISHED_FILE
            if not source.exists() or source.read_bytes() != shown.read_bytes():
                raise BackupError("RESTORE_NOT_EMPTY", f"{shown} is there already; see --replace. Nothing was changed.")
        return
    try:
        with duckdb.connect(str(target)) as connection:
            is_empty = not tables(lambda sql: connection.execute(sql).fetchall(), "duckdb")
            connection.execute("checkpoint")
    except duckdb_errors() as error:
        if "Could not set lock" in str(error) or "Conflicting lock" in str(error):
            raise BusyError("BUSY_WAREHOUSE", f"{target} is open in another process; end that first") from None
        is_empty = False  # it cannot be opened: perhaps the reason for restoring, and not for us to throw away
    if not is_empty and not replace:
        raise BackupError(
            "RESTORE_NOT_EMPTY",
            f"{target} is not empty; with --replace it is kept under another name. Nothing was changed.",
        )


def _swap_file(new: Path, place: Path, restored: Restored, stamp: str) -> None:
    """`place` is the old file until it is the new one: a kill between leaves the old one, and its copy."""
    if place.exists():
        _aside(place, restored, stamp, leave=True)
    log = place.with_name(place.name + ".wal")
    if log.exists():  # of a file that could not be opened; beside the new one it would be replayed into it
        _aside(log, restored, stamp)
    new.replace(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(path: Path, restored: Restored, stamp: str, leave: bool = False) -> None:
    suffix = "".join(path.suffixes)
    kept = path.with_name(f"{path.name.removesuffix(suffix)}.replaced-{stamp}{suffix}")
    kept.hardlink_to(path)
    if not leave:
        path.unlink()
    restored.kept.append(str(kept))


def _file_contents(path: Path) -> dict[str, int]:
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            found = contents(lambda sql: connection.execute(sql).fetchall(), "duckdb", digests=False)
    except duckdb_errors() as error:
        raise BackupError(
            "RESTORE_UNREADABLE",
            f"this DuckDB cannot open the backup's file ({brief(error)}); use the version that the manifest names",
        ) from None
    return {name: content.rows for name, content in found.items()}


def _check(found: dict[str, int], manifest: Manifest) -> None:
    wrong = sorted(name for name in {*found, *manifest.tables} if found.get(name) != manifest.tables.get(name))
    if wrong:
        raise BackupError(
            "RESTORE_DIFFERS",
            f"{len(wrong)} tables have other rows than were backed up, first {wrong[0]}: {found.get(wrong[0])} instead "
            f"of {manifest.tables.get(wrong[0])}. The target is as it was.",
        )


# PostgreSQL ---------------------------------------------------------------------------------------------------------


def _restore_database(
    folder: Path, settings: WarehouseSettings, restored: Restored, replace: bool, stamp: str, first: Callable[[], None]
) -> None:
    import psycopg2

    manifest, name = restored.manifest, settings.pgdatabase
    program, _ = programs.find("pg_restore", int(manifest.versions["pg_dump"].split(".")[0]))
    with _maintenance(settings) as server:
        _server_fits(server, manifest)
        old = server.rows(
            "select pg_get_userbyid(datdba), datcollate, datctype, pg_encoding_to_char(encoding), datlocprovider = 'c' "
            f"from pg_database where datname = {literal(name)}"
        )
        is_empty = not old or not _tables(settings)
        if not is_empty and not replace:
            raise BackupError(
                "RESTORE_NOT_EMPTY",
                f"{restored.where} is not empty; with --replace it is kept under another name. Nothing was changed.",
            )
        fresh = settings.model_copy(update={"pgdatabase": f"{name[:50]}_{RESTORING}"})
        made = quoted(fresh.pgdatabase)
        try:
            server.rows(f"drop database if exists {made}")  # what a killed restore left
            server.rows(f"create database {made} template template0" + _like(old))
            # Of a single owner to whom everything belongs, the name does not matter; else the roles must be there.
            single = ["--no-owner", "--no-acl"] if len(manifest.roles) == 1 else []
            command = [str(program), "--single-transaction", "--no-password", *single]
            programs.run([*command, f"--dbname={fresh.pgdatabase}", str(folder / DATABASE)], fresh)
            with _opened(fresh) as warehouse:
                found = contents(warehouse.rows, "postgres", digests=False)
                _check({table: content.rows for table, content in found.items()}, manifest)
            if "meterhouse_loader" in manifest.roles:
                roles.apply(fresh, {})  # what a database itself grants is not in a dump of its schemas
            first()
            _swap_database(server, fresh.pgdatabase, name, bool(old), is_empty, restored, stamp)
        except psycopg2.Error as error:
            raise WarehouseError(
                "RESTORE_FAILED", f"{restored.where}: {brief(error)}. The target is as it was."
            ) from None
        finally:
            with suppress(psycopg2.Error, LandingError):
                server.rows(f"drop database if exists {made}")


def _swap_database(
    server: PostgresWarehouse, fresh: str, name: str, is_there: bool, is_empty: bool, restored: Restored, stamp: str
) -> None:
    import psycopg2.errors

    aside = f"{name[:36]}_replaced_{stamp.lower()}"
    server.rows("begin")
    try:
        if is_there:
            server.rows(f"alter database {quoted(name)} rename to {quoted(aside)}")
        server.rows(f"alter database {quoted(fresh)} rename to {quoted(name)}")
        server.rows("commit")
    except psycopg2.errors.ObjectInUse as error:
        server.rows("rollback")
        said = " ".join(str(error.diag.message_detail or error.diag.message_primary).split())
        raise BusyError(
            "BUSY_WAREHOUSE", f"{restored.where} is in use ({said}); end those sessions first. The target is as it was."
        ) from None
    if is_there and is_empty:
        server.rows(f"drop database {quoted(aside)}")
    elif is_there:
        restored.kept.append(f"database {aside}")


@contextmanager
def _maintenance(settings: WarehouseSettings) -> Iterator[PostgresWarehouse]:
    """A connection to a database of the server that is not the target."""
    others = [name for name in ("postgres", "template1") if name != settings.pgdatabase]
    for place in others:
        try:
            server = PostgresWarehouse(settings.model_copy(update={"pgdatabase": place}))
            break
        except ConfigurationError:
            if place == others[-1]:
                raise
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _opened(settings: WarehouseSettings) -> Iterator[PostgresWarehouse]:
    warehouse = PostgresWarehouse(settings)
    try:
        yield warehouse
    finally:
        warehouse.close()


def _tables(settings: WarehouseSettings) -> list[tuple[str, str]]:
    with _opened(settings) as warehouse:
        return tables(warehouse.rows, "postgres")


def _like(old: list[tuple[Any, ...]]) -> str:
    """Owner and, where libc provides it, locale of the database that is replaced; else the server's defaults."""
    if not old:
        return " encoding 'UTF8'"
    owner, collate, ctype, encoding, is_libc = old[0]
    locale = f" lc_collate {literal(collate)} lc_ctype {literal(ctype)}" if is_libc else ""
    return f" owner {quoted(owner)} encoding {literal(encoding)}{locale}"


def _server_fits(server: PostgresWarehouse, manifest: Manifest) -> None:
    """Refuses an older server than the one backed up, and one without the roles that the tables belong to."""
    ((version,),) = server.rows("show server_version")
    if int(str(version).split(".")[0]) < int(manifest.versions["postgres"].split(".")[0]):
        raise BackupError(
            "RESTORE_VERSION",
            f"the server is PostgreSQL {version} and the backup of {manifest.versions['postgres']}: PostgreSQL does "
            "not go back. Nothing was changed.",
        )
    if len(manifest.roles) == 1:
        return
    present = {name for (name,) in server.rows("select rolname from pg_roles")}
    missing = sorted(set(manifest.roles) - present)
    if missing:
        raise BackupError(
            "RESTORE_ROLES",
            f"the server has no role {', '.join(missing)}; make them first (`python -m operations roles` in any "
            "database of it makes the house's own). Nothing was changed.",
        )
