"""What columns are made of, on three models whose origins are worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publishing.site import lineage

STAGING = """
with parsed as (select cast(kwh as numeric(18, 6)) as consumption_kwh, meter as meter_id, _dlt_load_id
from "house"."raw"."reads" where _dlt_load_id in (select load_id from "house"."raw"."_dlt_loads"))
select consumption_kwh, meter_id, _dlt_load_id from parsed
"""
BETWEEN = """
with reads as (select * from "house"."staging"."stg_reads")
select r.meter_id, r.consumption_kwh, p.name as product_name
from reads as r left join "house"."intermediate"."products" as p on p.meter_id = r.meter_id
"""
MART = """
select meter_id, sum(consumption_kwh) as consumption_kwh, count(*) as reading_count, product_name, 'x' as kind
from "house"."intermediate"."int_reads" group by meter_id, product_name
"""
# An increment reads what it holds already.
INCREMENT = """
select meter_id, consumption_kwh from "house"."intermediate"."int_reads"
union all
select meter_id, consumption_kwh from "house"."marts"."fct_reads"
"""


def node(name: str, schema: str, sql: str | None, columns: list[str], parents: list[str]) -> dict[str, Any]:
    return {
        "name": name, "alias": name, "schema": schema, "database": "house", "resource_type": "model",
        "compiled_code": sql, "columns": dict.fromkeys(columns), "depends_on": {"nodes": parents},
    }  # fmt: skip


def project(**sql: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and catalogue of the house, with other SQL for some of its models."""
    given = {"stg_reads": STAGING, "int_reads": BETWEEN, "daily": MART, "fct_reads": INCREMENT, **sql}
    reads = ["consumption_kwh", "meter_id"]
    nodes = {
        "stg": node("stg_reads", "staging", given["stg_reads"], [*reads, "_dlt_load_id"], ["raw"]),
        "int": node("int_reads", "intermediate", given["int_reads"], [*reads, "product_name"], ["stg", "seed"]),
        "daily": node("daily", "marts", given["daily"], [*reads, "reading_count", "product_name", "kind"], ["int"]),
        "fct": node("fct_reads", "marts", given["fct_reads"], reads, ["int"]),
        "seed": {**node("products", "intermediate", None, ["meter_id", "name"], []), "resource_type": "seed"},
    }
    raw = {"metadata": {"schema": "raw", "name": "reads"}, "columns": dict.fromkeys(["kwh", "meter", "_dlt_load_id"])}
    manifest = {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": nodes,
        "sources": {"raw": {"schema": "raw", "identifier": "reads"}},
    }
    return manifest, {"nodes": {}, "sources": {"raw": raw}}


def places(*named: str) -> frozenset[tuple[str, str]]:
    return frozenset((relation, column) for relation, _, column in (name.rpartition(".") for name in named))


def test_a_column_is_followed_through_joins_and_stars_to_staging_and_raw(tmp_path: Path) -> None:
    found = lineage.read(*project(), tmp_path / "lineage.json")
    assert found.unread == {}
    kwh = places("staging.stg_reads.consumption_kwh", "raw.reads.kwh")
    assert found.origins["marts.daily", "consumption_kwh"] == kwh
    assert found.origins["marts.daily", "meter_id"] == places("staging.stg_reads.meter_id", "raw.reads.meter")
    assert found.origins["marts.daily", "product_name"] == places("intermediate.products.name")
    assert found.origins["staging.stg_reads", "consumption_kwh"] == places("raw.reads.kwh")
    assert found.origins["marts.fct_reads", "consumption_kwh"] == kwh


def test_what_is_counted_or_written_is_made_of_nothing(tmp_path: Path) -> None:
    found = lineage.read(*project(), tmp_path / "lineage.json")
    assert found.origins["marts.daily", "reading_count"] == frozenset()
    assert found.origins["marts.daily", "kind"] == frozenset()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select from where (", "ParseError"),
        (None, "not compiled"),
        ("drop table x", "ValueError"),
    ],
)
def test_a_model_that_cannot_be_read_is_named(tmp_path: Path, sql: str | None, reason: str) -> None:
    found = lineage.read(*project(daily=sql), tmp_path / "lineage.json")
    assert list(found.unread) == ["daily"]
    assert reason in found.unread["daily"]
    assert ("marts.daily", "consumption_kwh") not in found.origins
    assert ("marts.fct_reads", "consumption_kwh") in found.origins


def test_a_model_that_declares_no_column_is_no_hindrance(tmp_path: Path) -> None:
    manifest, catalogue = project()
    manifest["nodes"]["bare"] = node("bare", "intermediate", "select 1 as one", [], [])
    assert lineage.read(manifest, catalogue, tmp_path / "lineage.json").unread == {}


def test_what_was_read_once_is_kept_until_its_sql_changes(tmp_path: Path) -> None:
    cache = tmp_path / "lineage.json"
    first = lineage.read(*project(), cache)
    # No time at all: what is known from before needs none, and what has changed is named.
    assert lineage.read(*project(), cache, seconds=-1) == first
    again = lineage.read(*project(daily=MART.replace("sum", "max")), cache, seconds=-1)
    assert list(again.unread) == ["daily"]
    assert "not read within" in again.unread["daily"]
