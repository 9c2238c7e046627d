"""Deliveries of the water network written straight into raw, as the landing leaves them, and dbt run over them.

A test says what was delivered load by load; values and stamps are text, as in raw. Nothing here knows what the marts
should hold: expected values stand in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion import ledger, registry
from tests.conftest import TestWarehouse
from tests.metering.raw_meters import dbt as run_dbt

SOURCE = next(source for source in registry.sources() if source.name == "abbanoa")
COLUMNS = {table.name: table.columns for table in SOURCE.tables}
WATER = "+path:models/marts/water +conservation_abbanoa"

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Load:
    """One package of the landing: files by name, each a list of rows; a column that a row does not name is null."""

    sensor_nodes: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    sensor_readings: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    sensor_logs: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    delivered_at: Mapping[str, str] = field(default_factory=dict)
    """When files were delivered, by name; null for the others."""


def node(node_id: str, node_type: str, district: str, minutes: int, **more: str) -> Row:
    return {
        "node_id": node_id, "node_name": f"Node {node_id}", "node_type": node_type, "district_id": district,
        "expected_interval_minutes": str(minutes), "is_active": "true", **more,
    }  # fmt: skip


def reading(node_id: str, timestamp: str, **more: str) -> Row:
    return {"timestamp": timestamp, "node_id": node_id, **more}


def export(header: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]], node_id: str | None = None) -> list[Row]:
    """A logger file as the reader takes it apart: one row per value, row by row. Rows: day, time, then the values."""
    return [
        {"node_id": node_id, "day": day, "time": time, "channel": channel, "unit": unit, "value": value or None}
        for day, time, *values in rows
        for (channel, unit), value in zip(header, values, strict=True)
    ]


def load_id(number: int) -> str:
    return f"{1_700_000_000 + number}.000001"


def create_raw(warehouse: TestWarehouse) -> None:
    """The tables every landing creates, empty; those of other sources too, since the project builds as one."""
    statements = [
        "create schema raw",
        "create table raw._dlt_loads (load_id text, schema_name text, status bigint, inserted_at timestamptz)",
    ]
    lineage = "_source_file text, _source_row bigint, _dlt_load_id text"
    for source in registry.sources():
        for table in source.tables:
            names = ", ".join(f'"{column}" text' for column in table.columns)
            statements.append(f"create table raw.{table.name} ({names}, {lineage})")
    for name, columns in ledger.TABLES.items():
        names = ", ".join(f'"{column}" text' for column in (*columns, "_dlt_load_id"))
        statements.append(f"create table raw.{name} ({names})")
    warehouse.query("; ".join(statements))


def land(warehouse: TestWarehouse, number: int, load: Load) -> None:
    """Appends one completed load; numbers give the order in which loads came."""
    key = load_id(number)
    statements = [
        f"insert into raw._dlt_loads values ({_text(key)}, 'abbanoa', 0, "
        f"timestamp '2026-01-01 00:00:00' + interval '{number}' hour)"
    ]
    for table in COLUMNS:
        for name, rows in getattr(load, table).items():
            statements += _delivery(table, name, rows, key, load.delivered_at.get(name))
    warehouse.query("; ".join(statements))


def _delivery(table: str, name: str, rows: Sequence[Row], load: str, delivered_at: str | None) -> Iterator[str]:
    file = {
        "source": "abbanoa", "table_name": table, "uri": f"file:///deliveries/{name}", "source_file": name,
        "lake_key": name, "sha256": name, "bytes": "1", "rows": str(len(rows)),
        "columns": json.dumps(COLUMNS[table]), "read_kind": "file", "delivered_at": delivered_at,
        "landed_at": "2026-01-01T00:00:00Z", "run_id": load,
    }  # fmt: skip
    values = ", ".join(_text(file.get(column)) for column in ledger.TABLES["landed_files"])
    yield f"insert into raw.landed_files values ({values}, {_text(load)})"
    for start in range(0, len(rows), 2000):
        lines = ", ".join(
            f"({', '.join(_text(row.get(column)) for column in COLUMNS[table])}, {_text(name)}, {place}, {_text(load)})"
            for place, row in enumerate(rows[start : start + 2000], start + 1)
        )
        yield f"insert into raw.{table} values {lines}"


def _text(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def dbt(warehouse: TestWarehouse, folder: Path, *arguments: str, select: str = WATER) -> str:
    """Runs one dbt command on the warehouse and returns what it printed; fails the test when dbt fails."""
    return run_dbt(warehouse, folder, *arguments, select=select)


TABLES = {
    "marts.dim_nodes": "*",
    "marts.node_history": "*",
    "marts.fct_sensor_readings": "*",
    "marts.computed_metrics": "*",
    "marts.network_efficiency": "*",
    "marts.night_flow": "*",
    "marts.anomalies": "*",
    "marts.data_quality_daily": "*",
    "intermediate.int_sensor_reading_versions": "*",
    "intermediate.conservation_abbanoa": "*",
    # Not the lines of loads: a logger file whose node came later has no load of its own when all is built at once.
    "(select * from intermediate.int_sensor_reading_supersessions where reason <> 'none') as superseded": "*",
}


def marts(warehouse: TestWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every water mart and the histories below, rows sorted, values as text so that engines can be compared."""
    return {
        table: sorted(tuple(map(str, row)) for row in warehouse.query(f"select {columns} from {table}"))
        for table, columns in TABLES.items()
    }
