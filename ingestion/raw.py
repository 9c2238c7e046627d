"""What landing does to the tables of raw itself, beside loading: clear away and index."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ingestion.warehouse import RAW, Warehouse, columns, literal, quoted


def newest_load(warehouse: Warehouse) -> str:
    """Id of the newest completed load; empty before the first."""
    if "_dlt_loads" not in columns(warehouse):
        return ""
    return warehouse.rows(f"select max(load_id) from {RAW}._dlt_loads where status = 0")[0][0] or ""


def sweep(warehouse: Warehouse, note: Callable[[str], None]) -> None:
    """Deletes rows of loads that never completed: a kill left them, and nothing will ever complete them.

    They are all newer than the newest completed load, since every landing begins by sweeping; so only the tail of each
    table is looked at (zone maps on DuckDB, a BRIN index on PostgreSQL).
    """
    tables = columns(warehouse)
    if "_dlt_loads" not in tables:
        return
    newest, postgres = newest_load(warehouse), warehouse.engine == "postgres"
    if postgres:
        _summarize(warehouse)
        # Not knowing that new loads lie at the end, the planner would rather read the whole table.
        warehouse.rows("set enable_seqscan = off")
    for table in (name for name, names in tables.items() if "_dlt_load_id" in names):
        delete = f"delete from {RAW}.{quoted(table)} where _dlt_load_id > {literal(newest)}"
        if postgres:
            delete = f"with gone as ({delete} returning 1) select count(*) from gone"
        (count,) = warehouse.rows(delete)[0]
        if count:
            note(f"swept {count:,} rows of a load that did not complete from {RAW}.{table}")
    if postgres:
        warehouse.rows("reset enable_seqscan")


def index(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """On PostgreSQL, a block-range index on the load id: one load is found without reading the history."""
    if warehouse.engine == "duckdb":
        return
    present = _indexes(warehouse)
    for table in tables:
        if table + INDEX not in present:
            warehouse.rows(f"create index {table}{INDEX} on {RAW}.{quoted(table)} using brin (_dlt_load_id)")


INDEX = "_load_brin"


def _indexes(warehouse: Warehouse) -> set[str]:
    names = warehouse.rows(f"select indexname from pg_indexes where schemaname = '{RAW}'")
    return {name for (name,) in names if name.endswith(INDEX)}


def _summarize(warehouse: Warehouse) -> None:
    """Takes the rows since the last landing into the indexes, 0.1 s per million; until then each search reads them."""
    for name in _indexes(warehouse):
        warehouse.rows(f"select brin_summarize_new_values('{RAW}.{name}')")
