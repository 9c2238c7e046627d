"""The drill: back up, restore into another place, compare every value of every table, clear away."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.settings import LandingSettings, absolute, read
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings, quoted
from operations.backup import make
from operations.contents import Content, Rows, contents
from operations.restore import restore
from publishing.publish import published_path


@dataclass(frozen=True)
class Outcome:
    """Tables that were compared, their rows, and those that differ with both contents; equal when there is none."""

    tables: int
    rows: int
    marts: int
    differing: dict[str, tuple[Content | None, Content | None]]
    bytes: int


def drill(wait: float = 0) -> Outcome:
    """Proves that the configured warehouse can be restored. Needs the space of two more of it, under METERHOUSE_DATA.

    Raises what a backup or a restore raises. The warehouse itself is only read.
    """
    settings, landing = read(WarehouseSettings), read(LandingSettings)
    landing.data.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".drill-", dir=landing.data))
    before: dict[str, Content] = {}

    def inspect(rows: Rows, engine: str) -> None:
        before.update(contents(rows, engine, digests=True))
        if engine == "duckdb":
            before.update(_shown(published_path(absolute(settings.warehouse_path))))

    elsewhere = settings.model_copy(
        update={
            "warehouse_path": place / "restored" / "warehouse.duckdb",
            "pgdatabase": f"{settings.pgdatabase[:40]}_drill_{secrets.token_hex(3)}",
        }
    )
    other = landing.model_copy(
        update={"meterhouse_data": place / "restored", "lake_url": landing.lake, "pseudonym_key": None}
    )
    try:
        backup = make(place / "backups", wait=wait, inspect=inspect)
        try:
            restore(backup.folder, elsewhere, other)
            after = _restored(elsewhere)
        finally:
            if settings.warehouse == "postgres":
                _drop(settings, elsewhere.pgdatabase)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Outcome(
        tables=len(before),
        rows=sum(content.rows for content in before.values()),
        marts=sum(name.startswith("marts.") for name in before),
        differing={
            name: (before.get(name), after.get(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        },
        bytes=backup.manifest.bytes,
    )


def _restored(settings: WarehouseSettings) -> dict[str, Content]:
    if settings.warehouse == "postgres":
        warehouse = PostgresWarehouse(settings)
        try:
            return contents(warehouse.rows, "postgres", digests=True)
        finally:
            warehouse.close()
    path = absolute(settings.warehouse_path)
    return {**_read(path), **_shown(published_path(path))}


def _shown(path: Path) -> dict[str, Content]:
    """The published copy's tables; none when nothing was published yet."""
    return {f"published {name}": content for name, content in _read(path).items()} if path.exists() else {}


def _read(path: Path) -> dict[str, Content]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        return contents(rows, "duckdb", digests=True)


def _drop(settings: WarehouseSettings, database: str) -> None:
    with suppress(Exception):  # what failed before matters more
        warehouse = PostgresWarehouse(settings)
        try:
            warehouse.rows(f"drop database if exists {quoted(database)} with (force)")
        finally:
            warehouse.close()
