"""Rows of any source written straight into raw, as a landing leaves them. Values are text; what is not given, null."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ingestion import ledger
from tests.conftest import TestWarehouse

Row = Mapping[str, str | None]


def load_id(number: int) -> str:
    return f"{1_700_000_000 + number}.000001"


def land(warehouse: TestWarehouse, number: int, source: str, table: str, files: Mapping[str, Sequence[Row]]) -> None:
    """Appends one completed load of files, by name; numbers give the order of loads, number n at n o'clock."""
    load = load_id(number)
    statements = [
        f"insert into raw._dlt_loads values ('{load}', '{source}', 0, "
        f"timestamp '2026-01-01 00:00:00' + interval '{number}' hour)"
    ]
    for name, rows in files.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        file = {
            "source": source, "table_name": table, "uri": f"file:///{name}", "source_file": name, "lake_key": name,
            "sha256": name, "bytes": "1", "rows": str(len(rows)), "columns": json.dumps(columns), "read_kind": "file",
            "landed_at": "2026-01-01T00:00:00Z", "run_id": load,
        }  # fmt: skip
        values = ", ".join(text(file.get(column)) for column in ledger.TABLES["landed_files"])
        statements.append(f"insert into raw.landed_files values ({values}, {text(load)})")
        listed = ", ".join(f'"{column}"' for column in columns)
        lines = ", ".join(
            f"({', '.join(text(row.get(column)) for column in columns)}, {text(name)}, {place}, {text(load)})"
            for place, row in enumerate(rows, 1)
        )
        statements.append(f"insert into raw.{table} ({listed}, _source_file, _source_row, _dlt_load_id) values {lines}")
    warehouse.query("; ".join(statements))


def text(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
