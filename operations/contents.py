"""What is in a warehouse, for comparing two of them: rows of each table, and a digest over all values of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingestion.warehouse import SCHEMAS, literal, quoted

Rows = Callable[[str], list[tuple[Any, ...]]]
OURS = (*SCHEMAS, "partitions")
"""Schemas of the house on PostgreSQL; the last holds months of long series."""


@dataclass(frozen=True)
class Content:
    """Of one table. The digest adds up 64-bit hashes of the rows: order does not count, each copy of a row does."""

    rows: int
    digest: str | None = None


def tables(rows: Rows, engine: str) -> list[tuple[str, str]]:
    """(schema, name) of each table; a table of partitions counts once."""
    if engine == "duckdb":
        return [
            (str(schema), str(name))
            for schema, name in rows(
                "select schema_name, table_name from duckdb_tables() "
                "where database_name = current_database() and not internal and not temporary order by 1, 2"
            )
        ]
    schemas = ", ".join(map(literal, OURS))
    return [
        (str(schema), str(name))
        for schema, name in rows(
            "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
            f"where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ({schemas}) order by 1, 2"
        )
    ]


def contents(rows: Rows, engine: str, digests: bool) -> dict[str, Content]:
    """Each table by schema.name. Digests read every value; they compare within one engine and version only."""
    found = {}
    for schema, name in tables(rows, engine):
        table = f"{quoted(schema)}.{quoted(name)}"
        if not digests:
            ((count,),) = rows(f"select count(*) from {table}")
            found[f"{schema}.{name}"] = Content(int(count))
            continue
        one = "hash(t)" if engine == "duckdb" else "hashtextextended(t::text, 0)"
        ((count, total),) = rows(f"select count(*), cast(sum({one}) as varchar) from {table} as t")
        found[f"{schema}.{name}"] = Content(int(count), str(total))
    return found
