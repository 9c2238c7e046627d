"""The ways people land files today, each as a process of its own: `python -m bench.ways WAY ENGINE ARGUMENT...`.

`limit` is the physical limit: the engine's own reader into a table of text, with no dlt, no lineage and no ledger. For
PostgreSQL, which reads no JSON files, that is DuckDB writing CSV into a pipe that feeds COPY; `copy` is COPY of a
finished CSV, the floor below which no landing of any format goes. `lineage` is the limit with the three columns that
every raw row of this project carries. `dictionaries` is dlt fed with parsed rows, the loader format chosen well;
`handwritten` is JSON to dictionaries to CSV to COPY.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb

BILL_COLUMNS_FILE = "columns.json"
NOT_PAGES = (BILL_COLUMNS_FILE, "rows.json")


def _bill_select(pages: list[str], columns: list[str], lineage: bool) -> str:
    struct = "{" + ", ".join(f"'{column}': 'VARCHAR'" for column in columns) + "}"
    names = ", ".join(f'"{column}"' for column in columns)
    extra = ", filename, row_number() over () as position, '1.0' as load_id" if lineage else ""
    return (
        f"select {names}{extra} from read_json({pages}, columns = {struct}, format = 'array', filename = true,"
        " maximum_object_size = 1000000000)"
    )


def _read_select(files: list[str], lineage: bool) -> str:
    extra = ", filename, position, '1.0' as load_id" if lineage else ""
    position = ", generate_subscripts(data, 1) as position" if lineage else ""
    return (
        f"select row[1] as interval_start, row[2] as consumption_delta, row[3] as meterpoint_id{extra} from ("
        f"select filename, unnest(data) as row{position} from read_json({files}, columns = {{columns: 'VARCHAR[]',"
        " data: 'VARCHAR[][]'}, format = 'unstructured', maximum_object_size = 1000000000, filename = true))"
    )


def _select(kind: str, folder: Path, lineage: bool) -> str:
    if kind == "water":
        # A typed file, so that its values must become text as well.
        extra = ", filename, file_row_number, '1.0' as load_id" if lineage else ""
        options = ", filename = true, file_row_number = true" if lineage else ""
        columns = "columns(c -> c not in ('filename', 'file_row_number'))"
        return f"select cast({columns} as varchar){extra} from read_parquet('{folder}/*.parquet'{options})"
    files = sorted(str(path) for path in folder.glob("*.json") if path.name not in NOT_PAGES)
    if kind == "bills":
        return _bill_select(files, json.loads((folder / BILL_COLUMNS_FILE).read_text()), lineage)
    return _read_select(files, lineage)


def _postgres() -> Any:
    import psycopg2

    return psycopg2.connect("")  # every setting from the usual PG* variables


def _create(cursor: Any, columns: list[str]) -> None:
    cursor.execute("drop table if exists bench_limit")
    names = ", ".join(f'"{column}" text' for column in columns)
    cursor.execute(f"create table bench_limit ({names})")


_COPY = "copy bench_limit from stdin with (format csv, null '\\N')"


def limit(engine: str, kind: str, folder: Path, lineage: bool = False) -> None:
    """The engine's own reader into a table of text."""
    select = _select(kind, folder, lineage)
    if engine == "duckdb":
        with duckdb.connect(os.environ["WAREHOUSE_PATH"]) as warehouse:
            warehouse.execute("set preserve_insertion_order = false")
            warehouse.execute(f"create or replace table bench_limit as {select}")
        return
    reader = duckdb.connect()
    columns = [column[0] for column in reader.execute(f"select * from ({select}) limit 0").description]
    read_end, write_end = os.pipe()

    def feed() -> None:
        reader.execute(
            f"copy ({select}) to '/dev/fd/{write_end}' (format csv, header false, nullstr '\\N', delimiter ',')"
        )
        os.close(write_end)

    writer = threading.Thread(target=feed)
    with _postgres() as connection, connection.cursor() as cursor:
        _create(cursor, columns)
        writer.start()
        with os.fdopen(read_end, "rb") as pipe:
            cursor.copy_expert(_COPY, pipe, size=1 << 20)
        writer.join()


def prepare_copy(kind: str, folder: Path, target: Path) -> None:
    """Writes the finished CSV that `copy` loads; not part of what is measured."""
    duckdb.sql(f"copy ({_select(kind, folder, False)}) to '{target}' (format csv, header false, nullstr '\\N')")


def copy(kind: str, folder: Path, source: Path) -> None:
    """COPY of a finished CSV: no JSON is read at all."""
    select = _select(kind, folder, False)
    columns = [column[0] for column in duckdb.sql(f"select * from ({select}) limit 0").description]
    with _postgres() as connection, connection.cursor() as cursor, source.open("rb") as finished:
        _create(cursor, columns)
        cursor.copy_expert(_COPY, cast(BinaryIO, finished), size=1 << 20)


def _dictionaries(kind: str, folder: Path) -> Iterator[list[dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        if path.name in NOT_PAGES:
            continue
        content = json.loads(path.read_bytes())
        if kind == "reads":
            content = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
        yield content


def dictionaries(engine: str, kind: str, folder: Path) -> None:
    """dlt fed with parsed rows: parquet for DuckDB, CSV for PostgreSQL, no compression of its working files."""
    import dlt

    destination: Any
    if engine == "duckdb":
        destination = dlt.destinations.duckdb(os.environ["WAREHOUSE_PATH"])
    else:
        place = os.environ
        destination = dlt.destinations.postgres(
            f"postgresql://{place['PGUSER']}:{place.get('PGPASSWORD', 'none')}@{place['PGHOST']}:{place['PGPORT']}"
            f"/{place['PGDATABASE']}"
        )
    pipeline = dlt.pipeline(
        "bench_dictionaries", destination=destination, dataset_name="bench", pipelines_dir=os.environ["BENCH_WORK"]
    )
    pipeline.run(
        dlt.resource(_dictionaries(kind, folder), name="rows", max_table_nesting=0),
        loader_file_format="parquet" if engine == "duckdb" else "csv",
    )


def handwritten(kind: str, folder: Path) -> None:
    """JSON to dictionaries to CSV in memory to COPY, file by file."""
    connection = _postgres()
    columns: list[str] = []
    with connection, connection.cursor() as cursor:
        for rows in _dictionaries(kind, folder):
            if not columns:
                columns = (
                    json.loads((folder / BILL_COLUMNS_FILE).read_text()) if kind == "bills" else list(rows[0].keys())
                )
                _create(cursor, columns)
            buffer = io.StringIO()
            csv.DictWriter(buffer, columns, restval="\\N").writerows(rows)
            buffer.seek(0)
            cursor.copy_expert(_COPY, buffer)


def main(way: str, engine: str, kind: str, folder: str, *rest: str) -> None:
    """Dispatches one way; called by the bench, with names it knows."""
    place = Path(folder)
    {
        "limit": lambda: limit(engine, kind, place),
        "lineage": lambda: limit(engine, kind, place, lineage=True),
        "prepare-copy": lambda: prepare_copy(kind, place, Path(rest[0])),
        "copy": lambda: copy(kind, place, Path(rest[0])),
        "dictionaries": lambda: dictionaries(engine, kind, place),
        "handwritten": lambda: handwritten(kind, place),
    }[way]()


if __name__ == "__main__":
    main(*sys.argv[1:])
