"""Smart-meter deliveries written straight into raw, as the landing leaves them, and dbt run over them.

A test says what was delivered load by load; values and instants are text, as in raw. Nothing here knows what the marts
should hold: expected values stand in the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion import ledger, registry
from tests.conftest import TestWarehouse

PROJECT = Path(__file__).parents[2] / "dbt_project"

SOURCE_TABLES = {table.name: table.columns for source in registry.sources() for table in source.tables}

Reading = tuple[str | None, str | None, str | None]
"""Meter point, interval start, kWh."""
Agreement = tuple[str | None, str | None, str | None, str | None, str | None, str | None]
"""Agreement id, valid from, valid to, product id, meter point, account."""


@dataclass(frozen=True)
class Load:
    """One package of the landing: reading files by name, and full snapshots of the tables that are not None."""

    readings: Mapping[str, Sequence[Reading]] = field(default_factory=dict)
    agreements: Sequence[Agreement] | None = None
    products: Sequence[tuple[str | None, ...]] | None = None
    meterpoints: Sequence[tuple[str | None, ...]] | None = None
    delivered_at: Mapping[str, str] = field(default_factory=dict)
    """When reading files were delivered, by name; null for the others."""


def load_id(number: int) -> str:
    return f"{1_700_000_000 + number}.000001"


def create_raw(warehouse: TestWarehouse) -> None:
    """The tables every landing creates, empty."""
    statements = [
        "create schema raw",
        "create table raw._dlt_loads (load_id text, schema_name text, status bigint, inserted_at timestamptz)",
    ]
    for table, columns in SOURCE_TABLES.items():
        names = ", ".join(f'"{column}" text' for column in columns)
        statements.append(
            f"create table raw.{table} ({names}, _source_file text, _source_row bigint, _dlt_load_id text)"
        )
    for table, columns in ledger.TABLES.items():
        names = ", ".join(f'"{column}" text' for column in (*columns, "_dlt_load_id"))
        statements.append(f"create table raw.{table} ({names})")
    warehouse.query("; ".join(statements))


def land(warehouse: TestWarehouse, number: int, load: Load) -> None:
    """Appends one completed load; numbers give the order in which loads came."""
    key = load_id(number)
    statements = [
        f"insert into raw._dlt_loads values ({_text(key)}, 'smart_meters', 0, "
        f"timestamp '2026-01-01 00:00:00' + interval '{number}' hour)"
    ]
    for name, readings in load.readings.items():
        rows = [(meter, start, kwh, None, None) for meter, start, kwh in readings]
        named = f"smart_meters/meter_readings/{name}"
        statements += _delivery("meter_readings", named, rows, number, load.delivered_at.get(name))
    snapshot = f"smart_meters/database/{number:04}.db"
    for table in ("agreements", "products", "meterpoints"):
        delivered = getattr(load, table)
        if delivered is not None:
            statements += _delivery(table, snapshot, delivered, number)
    warehouse.query("; ".join(statements))


def deliver(
    warehouse: TestWarehouse, number: int, table: str, name: str, rows: Sequence[Sequence[str | None]],
    delivered_at: str | None = None,
) -> None:  # fmt: skip
    """Adds one file to a load that has landed."""
    named = f"smart_meters/{table}/{name}"
    warehouse.query("; ".join(_delivery(table, named, rows, number, delivered_at)))


def _delivery(
    table: str, source_file: str, rows: Sequence[Sequence[str | None]], number: int, delivered_at: str | None = None
) -> list[str]:
    load = load_id(number)
    file = {
        "source": "smart_meters", "table_name": table, "uri": source_file, "source_file": source_file,
        "lake_key": source_file, "sha256": source_file, "bytes": "1", "rows": str(len(rows)),
        "columns": json.dumps(SOURCE_TABLES[table]),
        "read_kind": "file", "delivered_at": delivered_at, "landed_at": f"2026-01-01T{number:02}:00:00Z",
        "run_id": load,
    }  # fmt: skip
    values = ", ".join(_text(file.get(column)) for column in ledger.TABLES["landed_files"])
    statements = [f"insert into raw.landed_files values ({values}, {_text(load)})"]
    if rows:
        lines = ", ".join(
            f"({', '.join(_text(value) for value in row)}, {_text(source_file)}, {position}, {_text(load)})"
            for position, row in enumerate(rows, 1)
        )
        statements.append(f"insert into raw.{table} values {lines}")
    return statements


def _text(value: str | None) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


METERING = "+path:models/marts/metering +interval_gaps +conservation"


def dbt(
    warehouse: TestWarehouse, folder: Path, *arguments: str, variables: Mapping[str, str] | None = None,
    select: str = METERING,
) -> str:  # fmt: skip
    """Runs one dbt command on the warehouse and returns what it printed; fails the test when dbt fails."""
    command = [
        str(Path(sys.executable).with_name("dbt")), *arguments, *(["--select", *select.split()] if select else []),
        "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
    ]  # fmt: skip
    if variables:
        command += ["--vars", json.dumps(dict(variables))]
    done = subprocess.run(command, env={**os.environ, **warehouse.env}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


MARTS = {
    "fct_meter_readings": (
        "meterpoint_id, starts_at, ends_at, local_date, interval_number, consumption_kwh, agreement_id, product_id, "
        "has_agreement, is_on_grid"
    ),
    "half_hourly_consumption": (
        "starts_at, ends_at, local_date, interval_number, is_on_grid, consumption_kwh, mapped_consumption_kwh, "
        "unmapped_consumption_kwh, meterpoint_count, mapped_meterpoint_count, unmapped_meterpoint_count, "
        "negative_meterpoint_count"
    ),
    "daily_meterpoint_consumption": (
        "meterpoint_id, local_date, consumption_kwh, agreement_id, product_id, has_agreement, reading_count, "
        "interval_count, expected_interval_count, is_complete, negative_reading_count, first_starts_at, last_ends_at, "
        "_interval_bits"
    ),
    "daily_product_consumption": "*",
    "active_agreements": "*",
    "dim_agreements": "*",
    "dim_products": "*",
    "dim_meterpoints": "*",
    "agreement_history": "*",
    "product_history": "*",
    "meterpoint_history": "*",
}
"""What is compared of each mart. `_changed_load_id` is left out: it says how this warehouse came to hold the row."""


def marts(warehouse: TestWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every metering mart and the two ledgers, rows sorted, values as text so that engines can be compared."""
    tables = {f"marts.{name}": columns for name, columns in MARTS.items()}
    tables |= {
        "ledger.interval_gaps": "*",
        "ledger.conservation": "*",
        "intermediate.int_meter_reading_versions": "*",
        "intermediate.int_meter_reading_supersessions": "*",
    }
    return {
        table: sorted(tuple(map(str, row)) for row in warehouse.query(f"select {columns} from {table}"))
        for table, columns in tables.items()
    }
