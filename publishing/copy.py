"""Opens the published copy for reading, as any reader would: never the warehouse itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ingestion.errors import WarehouseError
from ingestion.settings import absolute, read
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings
from publishing.builds import NotPublished
from publishing.publish import PUBLISHED, published_path


@dataclass(frozen=True)
class Copy:
    """What readers see; `where` tells a person where it is."""

    engine: str
    where: str
    connection: Any

    @property
    def publication(self) -> str:
        return "main.publication" if self.engine == "duckdb" else f"{PUBLISHED}.publication"

    def relations(self, schema: str) -> list[str]:
        """Bare names of the marts or of the ledgers, in alphabetical order."""
        ((listed,),) = self.rows(f"select relations from {self.publication}")
        return sorted(
            name for found, name in (relation.split(".") for relation in json.loads(listed)) if found == schema
        )

    def table(self, relation: str) -> str:
        """The name of a mart or ledger, given as `marts.x` or `ledger.x`, in this copy."""
        return relation if self.engine == "duckdb" else f"{PUBLISHED}.{relation.split('.')[1]}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())

    def columns(self) -> dict[str, list[str]]:
        """Columns of each table in their order, by its bare name."""
        return {table: list(types) for table, types in self.types().items()}

    def types(self) -> dict[str, dict[str, str]]:
        """The type of each column, in small letters as the engine calls it, by the table's bare name."""
        schemas = "('marts', 'ledger', 'main')" if self.engine == "duckdb" else f"('{PUBLISHED}')"
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.rows(
            "select table_name, column_name, data_type from information_schema.columns "
            f"where table_schema in {schemas} order by table_name, ordinal_position"
        ):
            found.setdefault(table, {})[column] = str(kind).lower()
        return found


@contextmanager
def open_copy() -> Iterator[Copy]:
    """The last published copy; raises NotPublished when there is none yet."""
    settings = read(WarehouseSettings)
    if settings.warehouse == "duckdb":
        import duckdb

        path = published_path(absolute(settings.warehouse_path))
        if not path.exists():
            raise NotPublished("NOTHING_PUBLISHED", f"there is no {path} yet; run `make run`.")
        with duckdb.connect(str(path), read_only=True) as connection:
            yield Copy("duckdb", str(path), connection)
        return
    warehouse = PostgresWarehouse(settings)
    try:
        # Where roles are set up the schema is there before its first copy. Asked of the catalogue: a reader may not be
        # allowed to look into the schema, and is then told so by the lock.
        if not warehouse.rows(
            "select 1 from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
            f"where n.nspname = '{PUBLISHED}' and c.relname = 'publication'"
        ):
            raise NotPublished("NOTHING_PUBLISHED", f"nothing is published in {warehouse.identity}; run `make run`.")
        # One copy to the end, though another may be published meanwhile (docs/decisions/0006-publish.md). The lock
        # comes first: a snapshot taken before it could be older than the tables.
        warehouse.rows("begin isolation level repeatable read read only")
        warehouse.rows(f"lock table {PUBLISHED}.publication in access share mode")
        yield Copy("postgres", f"{warehouse.identity}, schema {PUBLISHED}", warehouse.connection)
    finally:
        warehouse.close()


def ask(sql: str, limit: int) -> Table:
    """The first rows of a query as a table. Raises WarehouseError with the engine's words when there is no answer."""
    with open_copy() as copy:
        cursor = copy.connection.cursor()
        try:
            cursor.execute(sql)
            found = cursor.fetchmany(limit + 1) if cursor.description else []
        except Exception as error:  # two drivers, each with errors of its own
            raise WarehouseError("QUERY_FAILED", str(error).strip()) from None
        table = Table(box=None, pad_edge=False, caption=f"the first {limit} rows" if len(found) > limit else None)
        for name, *_ in cursor.description or []:
            table.add_column(Text(name), no_wrap=True)
        for row in found[:limit]:
            table.add_row(*(Text("" if value is None else str(value)) for value in row))
        return table
