"""Who sees names, addresses and account numbers, of the roles of a real PostgreSQL."""

from __future__ import annotations

import pytest
import yaml

from ingestion import registry
from ingestion.settings import ROOT
from tests.operations.commands import ROLES
from tests.operations.roled_house import RoledHouse


def personal_columns() -> set[tuple[str, str, str]]:
    """(schema, relation, column) of what is personal: declared by the sources, and by the staging models."""
    found = {
        ("raw", table.name, column)
        for source in registry.sources()
        for table in source.tables
        for column in table.personal
    }
    for path in (ROOT / "dbt_project" / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            for column in model.get("columns", []):
                if column.get("config", {}).get("meta", {}).get("pii") == "direct":
                    schema = path.relative_to(ROOT / "dbt_project" / "models").parts[0]
                    found.add((schema, model["name"], column["name"]))
    return found


def test_declared_personal_columns_are_in_raw_staging_and_intermediate_only(house: RoledHouse) -> None:
    columns = personal_columns()
    assert len({c for c in columns if c[0] == "raw"}) >= 5
    assert len({c for c in columns if c[0] == "staging"}) >= 5
    assert {schema for schema, *_ in columns} <= {"raw", "staging", "intermediate"}
    present = {
        (schema, table, column)
        for schema, table, column in house.query(
            "admin", "select table_schema, table_name, column_name from information_schema.columns"
        )
    }
    assert columns <= present


def test_security_sees_names_and_addresses_and_nobody_else_does(house: RoledHouse) -> None:
    readable = {
        role: {
            (schema, relation)
            for schema, relation in house.query(
                "admin",
                "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace "
                "where c.relkind in ('r', 'p', 'v', 'm') and n.nspname !~ '^pg_|^information_schema$' "
                f"and has_schema_privilege('meterhouse_{role}', n.oid, 'usage') "
                f"and has_any_column_privilege('meterhouse_{role}', c.oid, 'select')",
            )
        }
        for role in ROLES
    }
    assert (
        {schema for schema, _ in readable["reader"]} == {schema for schema, _ in readable["explorer"]} == {"published"}
    )
    assert {schema for schema, _ in readable["loader"]} == {"raw"}
    held = {("raw", "pseudonyms"), *((schema, relation) for schema, relation, _ in personal_columns())}
    assert held <= readable["security"]
    for schema, relation in sorted(held):
        house.query("security", f'select * from {schema}."{relation}" limit 1')
        assert "permission denied" in house.refused("reader", f'select * from {schema}."{relation}" limit 1')


def test_no_published_value_is_a_personal_one(house: RoledHouse) -> None:
    originals = {original for (original,) in house.query("security", "select original from raw.pseudonyms")}
    assert len(originals) > 100
    columns = house.query(
        "reader",
        "select table_name, column_name from information_schema.columns where table_schema = 'published'",
    )
    assert len(columns) > 200
    found = []
    for table, column in columns:
        values = house.query("reader", f'select distinct "{column}"::text from published."{table}"')
        # A short original ("7") may equal a count by chance; what identifies a person is longer.
        found += [(table, column) for (value,) in values if value in originals and len(value) >= 5]
    assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        "update raw.pseudonyms set original = ''",
        "delete from staging.stg_winnipeg_billing__bills",
        "drop table marts.dim_products",
        "create table public.mine (x text)",
        "create temp table mine (x text)",
        "create schema mine",
        "select pg_advisory_lock(1)",
        "copy raw.pseudonyms to program 'cat'",
    ],
)
def test_security_only_reads(house: RoledHouse, statement: str) -> None:
    house.refused("security", statement)
