"""The hand-made world, built by dbt twice per engine and session: as known after its first load, and then in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.dbt.world import BETWEEN_FIRST_AND_SECOND, dbt, make
from tests.postgres_server import fresh_database

# What this room owns; the metering marts have tests of their own.
SELECTION = (
    "staging", "billing_service_types", "billing_read_codes", "int_pseudonyms", "intermediate.billing", "marts.billing",
    "int_meter_reading_versions", "int_parse_failures", "load_history", "landing_problems", "parse_failures",
    "schema_drift",
)  # fmt: skip
TABLES = (
    "marts.fct_utility_bills", "marts.dim_billing_accounts", "marts.monthly_billing", "ledger.load_history",
    "ledger.landing_problems", "ledger.parse_failures", "ledger.schema_drift", "intermediate.int_bill_versions",
)  # fmt: skip
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Built:
    """Rows of every mart and ledger of the billing side, by `schema.table`."""

    warehouse: TestWarehouse
    output: str
    earlier: dict[str, Rows]
    """As known between the first and the second load."""
    now: dict[str, Rows]

    def rows(self, table: str, order: str = "1") -> Rows:
        return sorted(self.now[table], key=lambda row: str(row.get(order)))


def read(warehouse: TestWarehouse, table: str) -> Rows:
    schema, name = table.split(".")
    columns = [
        str(row[0])
        for row in warehouse.query(
            "select column_name from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{name}' order by ordinal_position"
        )
    ]
    return [dict(zip(columns, row, strict=True)) for row in warehouse.query(f"select * from {table}")]


def build(warehouse: TestWarehouse, folder: Path) -> Built:
    make(warehouse)
    options = ["--indirect-selection", "cautious", "--show-all-deprecations", "--select", *SELECTION]
    done = dbt(warehouse, folder, "build", "--vars", f"{{known_at: '{BETWEEN_FIRST_AND_SECOND}'}}", *options)
    assert done.returncode == 0, done.stdout[-5000:]
    earlier = {table: read(warehouse, table) for table in TABLES}
    done = dbt(warehouse, folder, "build", *options)
    assert done.returncode == 0, done.stdout[-5000:]
    return Built(warehouse, done.stdout, earlier, {table: read(warehouse, table) for table in TABLES})


@pytest.fixture(scope="session")
def duckdb_built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("duckdb")
    return build(duckdb_warehouse(folder), folder)


@pytest.fixture(scope="session")
def postgres_built(postgres_session: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("postgres")
    with fresh_database(postgres_session) as settings:
        yield build(postgres_warehouse(folder, settings), folder)


@pytest.fixture(params=["duckdb", "postgres"])
def built(request: pytest.FixtureRequest) -> Built:
    """Each test that asks for it looks at both engines."""
    found: Built = request.getfixturevalue(f"{request.param}_built")
    return found
