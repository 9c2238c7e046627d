"""A small raw schema made by hand, as landing leaves it, and dbt run over it. Expected values stand in the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestion import ledger, registry
from tests.conftest import TestWarehouse
from tests.postgres_server import connect

ROOT = Path(__file__).resolve().parents[2]
Row = Mapping[str, str | int | None]

# Loads in the order of time. A package that was killed has no note in _dlt_loads, or one that says it is not complete.
FIRST, SECOND, THIRD = "1600000000.1", "1610000000.1", "1620000000.1"
KILLED, UNFINISHED = "1615000000.1", "1616000000.1"
NOTED = {FIRST: "2020-09-13 12:26:40", SECOND: "2021-01-07 06:13:20", THIRD: "2021-05-03 00:00:00"}
BETWEEN_FIRST_AND_SECOND = "2021-01-01"

KEYS = ("first", "second")


class Raw:
    """The raw schema, open for writing."""

    def __init__(self, warehouse: TestWarehouse) -> None:
        self.mark = "?" if warehouse.engine == "duckdb" else "%s"
        self.connection: Any
        if warehouse.engine == "duckdb":
            import duckdb

            self.connection = duckdb.connect(warehouse.env["WAREHOUSE_PATH"])
        else:
            self.connection = connect(warehouse.env)

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        if self.mark == "?":
            self.connection.execute(sql, list(values))
        else:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, list(values) or None)

    def create(self) -> None:
        """Every declared table of every source, and the landing's own, all text."""
        self.run("create schema raw")
        lineage = "_source_file text, _source_row bigint, _dlt_load_id text"
        for source in registry.sources():
            for table in source.tables:
                self.run(f"create table raw.{table.name} ({_texts(table.columns)}, {lineage})")
        for name, columns in ledger.TABLES.items():
            self.run(f"create table raw.{name} ({_texts(columns)}, _dlt_load_id text)")
        self.run(
            "create table raw._dlt_loads (load_id text, schema_name text, status bigint, "
            "inserted_at timestamp with time zone, schema_version_hash text)"
        )

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            self.run(
                f"insert into raw.{table} ({names}) values ({', '.join([self.mark] * len(row))})", list(row.values())
            )

    def deliver(self, table: str, file: str, load: str, rows: Sequence[Row]) -> None:
        """Rows of one file, numbered from 1."""
        self.insert(
            table,
            [
                {**row, "_source_file": file, "_source_row": number, "_dlt_load_id": load}
                for number, row in enumerate(rows, 1)
            ],
        )

    def list_file(self, source: str, table: str, file: str, load: str, columns: Sequence[str], landed_at: str) -> None:
        self.insert(
            "landed_files",
            [
                {
                    "source": source, "table_name": table, "uri": f"file:///{file}", "source_file": file,
                    "lake_key": file, "rows": "1", "columns": json.dumps(list(columns), ensure_ascii=False),
                    "read_kind": "file", "landed_at": landed_at, "run_id": "run", "_dlt_load_id": load,
                }
            ],
        )  # fmt: skip


def _texts(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}" text' for column in columns)


@contextmanager
def raw(warehouse: TestWarehouse) -> Iterator[Raw]:
    opened = Raw(warehouse)
    try:
        yield opened
    finally:
        opened.connection.close()


def dbt(warehouse: TestWarehouse, folder: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """dbt as a person runs it, with target and logs in `folder`."""
    env = {
        **os.environ,
        **warehouse.env,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    command = [str(Path(sys.executable).with_name("dbt")), *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def personal(number: int) -> dict[str, str]:
    """Six values that point to a person, each of which must stop at staging."""
    return {
        "account_number": f"0071234567890{number}",
        "customer_name": f"Canary Customer {number}",
        "ssc_number": f"canary-ssc-{number}",
        "customer_information": f"canary information {number}",
        "service_address": f"{number} Canary Street",
        "meter_number": f"CANARY{number}",
    }


def bill(number: int, **columns: str | None) -> Row:
    """A bill line row-<number> for January 2021, all of it understood."""
    return {
        "_id": f"row-{number}", "_created_at": "2021-02-01T09:00:00.000Z", "_updated_at": "2021-02-01T09:00:00.000Z",
        "hydro_gas_id": str(number), "town": "WINNIPEG", "actual_service_type": "EL", "rate": "KS01",
        "service_from_date": "2021-01-01T00:00:00.000", "service_to_date": "2021-02-01T00:00:00.000",
        "read_code": "A", "billing_units": "100", "amount_due": "10.00",
    } | columns  # fmt: skip


def make(warehouse: TestWarehouse) -> None:
    """Three completed loads and two that are not, with everything that can be wrong in them."""
    with raw(warehouse) as world:
        world.create()
        for load, at in NOTED.items():
            world.run(f"insert into raw._dlt_loads values ('{load}', 'x', 0, timestamptz '{at}+00:00', 'v')")
        # dlt notes a package twice when it is killed at the right moment.
        world.run(f"insert into raw._dlt_loads values ('{FIRST}', 'x', 0, timestamptz '{NOTED[FIRST]}+00:00', 'v')")
        world.run(
            f"insert into raw._dlt_loads values ('{UNFINISHED}', 'x', 1, timestamptz '2021-03-17 00:00:00+00', 'v')"
        )
        _bills(world)
        _meters(world)
        _ledgers(world)
        for number in (1, 2, 11):
            for original in personal(number).values():
                world.insert("pseudonyms", [_pseudonym(original, key) for key in KEYS])
        world.insert("pseudonyms", [_pseudonym("ac0000000a", "second")])


def _pseudonym(original: str, key: str) -> Row:
    # The key was changed after the first load; nothing of the original shows.
    load = FIRST if key == "first" else THIRD
    return {"original": original, "pseudonym": pseudonym(original, key), "key_id": key, "_dlt_load_id": load}


def pseudonym(original: str, key: str = "second") -> str:
    return f"{key}-{sum(map(ord, original)):04x}-{len(original):02d}"


def _bills(world: Raw) -> None:
    world.deliver(
        "utility_billing", "bills/1.json", FIRST,
        [
            bill(1, **personal(1), days_of_service="31.0", basic_charge="1,000.50", gst="-0.5", amount_due="1000.00"),
            bill(2, **personal(2), amount_due="20.00"),
            bill(3, amount_due="30.00"),
            bill(4, service_from_date=None, service_to_date=None, actual_service_type="OT", amount_due="4.00"),
            bill(5, service_from_date="2021-02-01T00:00:00.000", service_to_date="2021-01-01T00:00:00.000"),
            bill(6, service_to_date="2021-01-01T00:00:00.000"),
            bill(7, service_to_date="2022-02-06T00:00:00.000"),
            bill(
                8, service_from_date="2021-02-30T00:00:00.000", days_of_service="2.5", billing_units="NaN", gst="1e400",
                pst="0x1F", city_tax="1_000", adjustment="12,34", amount_due="N/A", hydro_gas_id="8.0",
            ),
            # Equal but for their identifiers.
            bill(9), bill(10),
            bill(11, **personal(11), actual_service_type="GA", town=None, read_code="E"),
            bill(12, actual_service_type="XX", read_code=None, meter_number="   "),
            bill(13, _id=None),
        ],
    )  # fmt: skip
    world.deliver(
        "utility_billing", "bills/2.json", SECOND,
        [bill(2, **personal(2), amount_due="21.00", _updated_at="2021-01-07T00:00:00.000Z")],
    )  # fmt: skip
    world.deliver("utility_billing_deletions", "bills/2-ids.json", SECOND, [{"_id": "row-3"}, {"_id": "row-9"}])
    world.deliver("utility_billing", "bills/3.json", THIRD, [bill(3, amount_due="33.00")])
    # Neither of these two ever became complete.
    world.deliver("utility_billing", "bills/killed.json", KILLED, [bill(1, amount_due="9999.00"), bill(99)])
    world.deliver("utility_billing_deletions", "bills/unfinished.json", UNFINISHED, [{"_id": "row-1"}])
    # A column that nobody declared, and a declared one that raw lost.
    world.run("alter table raw.utility_billing add column brand_new text")
    world.run("alter table raw.utility_billing drop column high_demand")


def _meters(world: Raw) -> None:
    world.deliver(
        "meter_readings", "readings/1.json", FIRST,
        [
            {"meterpoint_id": "aa00000001", "interval_start": "2021-01-01 00:30:00", "consumption_delta": "0.25"},
            {"meterpoint_id": "aa00000001", "interval_start": "2021-02-30 00:30:00", "consumption_delta": "Infinity"},
            {"meterpoint_id": "aa00000001", "interval_start": "2021-07-01T00:30:00+01:00", "consumption": "1e-05"},
        ],
    )  # fmt: skip
    world.deliver(
        "agreements", "database/1.sqlite", FIRST,
        [
            {
                "agreement_id": "4711x", "agreement_valid_from": "2020-01-01", "agreement_valid_to": None,
                "product_id": "p1", "meterpoint_id": "aa00000001", "account_id": "ac0000000a",
            }
        ],
    )  # fmt: skip
    world.deliver(
        "products", "database/1.sqlite", FIRST,
        [{"display_name": "Fixed", "is_variable": "maybe", "id": "39", "product_id": "p1"}],
    )  # fmt: skip


def _ledgers(world: Raw) -> None:
    bills = next(
        table.columns for source in registry.sources() for table in source.tables if table.name == "utility_billing"
    )
    socrata = [":id", ":created_at", ":updated_at", *bills[3:]]
    renamed = ["Town" if name == "town" else name for name in socrata if name not in ("pst", "gst")]
    for file, load, columns, at in [
        ("bills/1.json", FIRST, socrata, "2020-09-13T12:26:00Z"),
        ("bills/2.json", SECOND, [*renamed, "goods_tax"], "2021-01-07T06:13:00Z"),
        ("bills/3.json", THIRD, [*(name for name in socrata if name != "pst"), "brand_new"], "2021-05-02T23:59:00Z"),
    ]:
        world.list_file("winnipeg_billing", "utility_billing", file, load, columns, at)
    for file, columns in [
        ("readings/1.json", ["interval_start", "consumption_delta", "meterpoint_id"]),
        ("readings/octopus.json", ["consumption", "interval_start", "interval_end"]),
    ]:
        world.list_file("smart_meters", "meter_readings", file, FIRST, columns, "2020-09-13T12:26:00Z")
    world.insert(
        "landing_runs",
        [
            # One landing of both sources: the runs of one landing start in one load.
            _event("run-1", "smart_meters", "started", "2021-01-01T00:00:00.000000Z", FIRST),
            _event("run-2", "winnipeg_billing", "started", "2021-01-01T00:00:00.002000Z", FIRST),
            _event(
                "run-1", "smart_meters", "finished", "2021-01-01T00:01:30.250000Z", FIRST, status="partial",
                code="DATA_JSON_SYNTAX", files_landed="2", files_rejected="1", rows_landed="5", bytes_landed="1000",
            ),
            _event("run-3", "winnipeg_billing", "started", "2021-01-03T00:00:00.000000Z", SECOND),
            _event("run-3", "winnipeg_billing", "finished", "2021-01-03T00:00:01.000000Z", SECOND, status="unchanged"),
            _event("run-4", "smart_meters", "started", "2021-01-04T00:00:00.000000Z", THIRD),
            _event("run-5", "winnipeg_billing", "started", "2021-01-04T00:00:00.002000Z", THIRD),
        ],
    )  # fmt: skip
    world.insert(
        "landing_problems",
        [
            {
                "run_id": "run-1", "source": "smart_meters", "table_name": "meter_readings", "uri": "file:///bad.json",
                "code": "DATA_JSON_SYNTAX", "message": "bad.json ends in the middle of a value", "source_row": "17",
                "source_column": None, "at": "2021-01-01T00:00:30.000000Z", "_dlt_load_id": FIRST,
            }
        ],
    )  # fmt: skip


def _event(run: str, source: str, event: str, at: str, load: str, **more: str) -> Row:
    return {
        "run_id": run, "source": source, "event": event, "at": at, "dlt_version": "1.31.0", "_dlt_load_id": load,
    } | more  # fmt: skip
