"""A warehouse as dbt leaves it: two marts and a ledger that carry one generation number, and the record of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from publishing.publish import PUBLISHED, published_path
from tests.conftest import TestWarehouse

RELATIONS = '["ledger.load_history", "marts.monthly_billing", "marts.dim_products"]'


@pytest.fixture
def pointed(warehouse: TestWarehouse, monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    """The warehouse, with this process pointed to it."""
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    return warehouse


def made_build(warehouse: TestWarehouse, generation: int, failures: int | None = 0, rows: int = 400) -> None:
    """What `dbt build` leaves behind: tables replaced, the run recorded. `failures=None` is a run that was killed."""
    statements = [f"create schema if not exists {schema}" for schema in ("raw", "staging", "marts", "ledger")]
    for table in ("raw.bills", "staging.bills", "marts.dim_products", "marts.monthly_billing", "ledger.load_history"):
        statements.append(f"drop table if exists {table}")
        statements.append(
            f"create table {table} as select i, {generation} as generation, "
            "cast(1.10 as numeric(18, 2)) as amount_cad, cast(null as date) as due_on "
            f"from (select * from generate_series(1, {rows}) as s(i)) as numbers order by i"
        )
    statements.append("comment on table marts.monthly_billing is 'One row per month.'")
    statements.append("comment on column marts.monthly_billing.amount_cad is 'What was due.'")
    statements.append(
        "create table if not exists ledger.build_runs (invocation_id text, command text, vars text, is_whole boolean, "
        "is_tested boolean, relations text, started_at timestamp, finished_at timestamp, failures integer)"
    )
    at = f"timestamp '2026-01-01 00:00:00' + interval '1 hour' * {generation}"
    finished, failed = ("null", "null") if failures is None else (at, str(failures))
    statements.append(
        f"insert into ledger.build_runs values ('{generation}', 'build', '{{}}', true, true, '{RELATIONS}', "
        f"{at}, {finished}, {failed})"
    )
    for statement in statements:
        warehouse.query(statement)


def published(warehouse: TestWarehouse, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query on the published copy, `{}` standing for the place of a mart (`marts.` or `published.`)."""
    if warehouse.engine == "postgres":
        return warehouse.query(sql.replace("{}", f"{PUBLISHED}."))
    import duckdb

    path = published_path(Path(warehouse.env["WAREHOUSE_PATH"]))
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql.replace("{}", "marts.")).fetchall()
