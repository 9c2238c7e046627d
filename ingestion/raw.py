"""What landing does to the tables of raw itself, beside loading: clear away, count, index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from ingestion.source import LakeFile
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
    newest = newest_load(warehouse)
    with _tail_only(warehouse):
        for table in (name for name, names in tables.items() if "_dlt_load_id" in names):
            delete = f"delete from {RAW}.{quoted(table)} where _dlt_load_id > {literal(newest)}"
            if warehouse.engine == "postgres":
                delete = f"with gone as ({delete} returning 1) select count(*) from gone"
            (count,) = warehouse.rows(delete)[0]
            if count:
                note(f"swept {count:,} rows of a load that did not complete from {RAW}.{table}")


def wrong_counts(warehouse: Warehouse, table: str, load_id: str, files: Sequence[LakeFile]) -> dict[str, str]:
    """What is wrong with the landed rows of each file, by lake key; empty when each has rows 1 to n, once.

    Their number, sum and sum of squares are compared: cheaper than sorting them, and no slip gets all three right.
    """
    with _tail_only(warehouse):
        found = {
            key: tuple(int(number) for number in numbers)
            for key, *numbers in warehouse.rows(
                f"select _source_file, count(*), sum(_source_row), sum(_source_row * _source_row) "
                f"from {RAW}.{quoted(table)} where _dlt_load_id = {literal(load_id)} group by _source_file"
            )
        }
    wrong: dict[str, str] = {}
    for file in files:
        n = file.rows
        counts = found.pop(file.key, None)
        if counts != ((n, n * (n + 1) // 2, n * (n + 1) * (2 * n + 1) // 6) if n else None):
            landed = counts[0] if counts else 0
            slip = ", some twice and some not at all" if landed == n else ""
            wrong[file.key] = f"{n} rows were read and {landed} landed{slip}"
    for key in found:
        wrong[key] = "rows landed from a file that was not announced"
    return wrong


def index(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """On PostgreSQL, a block-range index on the load id: one load is found without reading the history."""
    if warehouse.engine == "duckdb":
        return
    present = {row[0] for row in warehouse.rows(f"select indexname from pg_indexes where schemaname = '{RAW}'")}
    for table in tables:
        if _index_name(table) not in present:
            warehouse.rows(f"create index {_index_name(table)} on {RAW}.{quoted(table)} using brin (_dlt_load_id)")


def summarize(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """Takes new rows into the block-range indexes; until then each search reads them all. 0.1 s per million rows."""
    if warehouse.engine == "postgres":
        for table in tables:
            warehouse.rows(f"select brin_summarize_new_values('{RAW}.{_index_name(table)}')")


def _index_name(table: str) -> str:
    return f"{table}_load_brin"


@contextmanager
def _tail_only(warehouse: Warehouse) -> Iterator[None]:
    """PostgreSQL, not knowing that new loads lie at the end, would rather read the whole table with two workers."""
    if warehouse.engine == "duckdb":
        yield
        return
    warehouse.rows("set enable_seqscan = off")
    warehouse.rows("set max_parallel_workers_per_gather = 0")
    try:
        yield
    finally:
        if not warehouse.connection.closed:
            warehouse.rows("reset enable_seqscan")
            warehouse.rows("reset max_parallel_workers_per_gather")
