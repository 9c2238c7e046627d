"""How dbt is run: from two folders, without warnings, and never over raw that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import duckdb_warehouse
from tests.dbt.conftest import Built
from tests.dbt.world import ROOT, dbt, raw


def test_no_deprecation_and_no_warning(built: Built) -> None:
    assert "eprecat" not in built.output
    assert "[WARNING]" not in built.output


def test_schemas_bear_their_own_names(built: Built) -> None:
    found = built.warehouse.query(
        "select distinct table_schema from information_schema.tables "
        "where table_schema not in ('information_schema', 'pg_catalog', 'main') order by 1"
    )
    assert [row[0] for row in found] == ["intermediate", "ledger", "marts", "raw", "staging"]


@pytest.mark.parametrize("folder", [ROOT, ROOT / "dbt_project"], ids=["root", "dbt_project"])
def test_both_folders_reach_the_same_warehouse(tmp_path: Path, folder: Path) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    # Relative paths count from the repository root, wherever dbt is called.
    warehouse.env["WAREHOUSE_PATH"] = os.path.relpath(tmp_path / "here.duckdb", ROOT)
    template = "{{ reference_date() }} {{ known_at() }}"
    done = dbt(
        warehouse, tmp_path, "--quiet", "compile", "--inline", template,
        "--vars", "{reference_date: 2021-01-31, known_at: '2021-07-01T00:30:00+01:00'}", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert done.stdout.split("\n")[0] == ("cast('2021-01-31' as date) cast('2021-06-30 23:30:00.000000' as timestamp)")
    assert (tmp_path / "here.duckdb").exists()


def test_a_missing_raw_table_stops_the_run_and_names_the_way_out(tmp_path: Path) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    with raw(warehouse) as world:
        world.create()
        world.run("drop table raw.products")
    done = dbt(warehouse, tmp_path, "build", "--select", "stg_smart_meters__products")
    assert done.returncode == 1
    assert "raw table raw.products does not exist in this warehouse" in done.stdout
    assert "python -m ingestion land" in done.stdout


@pytest.mark.parametrize("given", ["{reference_date: 31/01/2021}", "{known_at: yesterday}"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, given: str) -> None:
    template = "{{ reference_date() }} {{ known_at() }}"
    done = dbt(duckdb_warehouse(tmp_path), tmp_path, "compile", "--inline", template, "--vars", given)
    assert done.returncode != 0
    assert "is not a" in done.stdout
