"""The history of runs: of every kind a row, on both engines; a killed run is over once another of its kind began."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from publishing import records
from tests.conftest import TestWarehouse
from tests.dbt.conftest import read
from tests.dbt.world import FIRST, ROOT, SECOND, Raw, dbt, raw

SELECTION = ("--select", "stg_landing__runs", "stg_landing__problems", "load_history")
BUILD_RUNS = (
    "create table ledger.build_runs (invocation_id text, command text, vars text, is_whole boolean, "
    "is_tested boolean, relations text, started_at timestamp, finished_at timestamp, failures integer)"
)


def event(run: str, name: str, at: str, load: str, asked: str | None = None) -> dict[str, str | None]:
    return {"run_id": run, "source": "smart_meters", "event": name, "at": at, "asked": asked, "_dlt_load_id": load}


def operation(world: Raw, run: str, kind: str, started: str, finished: str | None = None, **more: str | int) -> None:
    row = {"run_id": run, "kind": kind, "subject": "house", "started_at": started, "finished_at": finished, **more}
    marks = ", ".join([world.mark] * len(row))
    world.run(f"insert into ledger.operation_runs ({', '.join(row)}) values ({marks})", list(row.values()))


def made(warehouse: TestWarehouse) -> None:
    """A day of runs. The table of builds is that of an older version."""
    with raw(warehouse) as world:
        world.create()
        for load, at in ((FIRST, "2026-01-01 01:00:00+00"), (SECOND, "2026-01-01 02:00:00+00")):
            world.run(f"insert into raw._dlt_loads values ('{load}', 'x', 0, timestamptz '{at}', 'v')")
        world.insert(
            "landing_runs",
            [
                event("land", "started", "2026-01-01T01:00:00Z", FIRST),
                event("past", "started", "2026-01-01T02:00:00Z", SECOND, "2025-01-01/2025-01-07 abc"),
                event("past", "finished", "2026-01-01T02:00:09Z", SECOND, "2025-01-01/2025-01-07 abc"),
            ],
        )
        world.run("create schema ledger")
        world.run(BUILD_RUNS)
        for run, start, end, failures in (
            ("b1", "03:00:00", "timestamp '2026-01-01 03:00:30.5'", "3"),
            ("b2", "04:00:00", "null", "null"),
        ):
            world.run(
                f"insert into ledger.build_runs values ('{run}', 'build', '{{}}', true, true, '[]', "
                f"timestamp '2026-01-01 {start}', {end}, {failures})"
            )
        world.run(f"create table {records.TABLE} ({records.COLUMNS})")
        operation(world, "p1", "publication", "2026-01-01 05:00:00")
        operation(world, "p2", "publication", "2026-01-01 06:00:00", "2026-01-01 06:00:02", status="ok", row_count=1200)
        operation(
            world, "f1", "freshness", "2026-01-01 07:00:00", "2026-01-01 07:00:01", status="failed",
            code="FRESHNESS_STALE", late_tables=1, stale_tables=2, dbt_version="1.11.0",
        )  # fmt: skip
        # Still under way: the one that came later was turned away by it.
        operation(world, "k1", "backup", "2026-01-01 08:00:00")
        operation(world, "k2", "backup", "2026-01-01 08:30:00", "2026-01-01 08:30:00", status="busy", code="BUSY_LOCK")
        operation(world, "r1", "restore", "2026-01-01 09:00:00", "2026-01-01 09:01:00", status="ok", row_count=77)
        operation(world, "d1", "drill", "2026-01-01 10:00:00", "2026-01-01 10:02:00", status="failed", row_count=99)


def history(warehouse: TestWarehouse) -> dict[str, dict[str, Any]]:
    return {row["run_id"]: row for row in read(warehouse, "ledger.load_history")}


def test_every_kind_of_run_has_its_row(warehouse: TestWarehouse, tmp_path: Path) -> None:
    made(warehouse)
    done = dbt(warehouse, tmp_path, "build", *SELECTION)
    assert done.returncode == 0, done.stdout[-3000:]
    found = history(warehouse)
    mine = [run for run, row in found.items() if row["kind"] == "build" and run not in ("b1", "b2")]
    assert {run: (row["kind"], row["status"], row["duration_s"]) for run, row in found.items() if run not in mine} == {
        "land": ("landing", "abandoned", None),
        "past": ("backfill", "ok", Decimal("9.000000")),
        "b1": ("build", "failed", Decimal("30.500000")),
        "b2": ("build", "abandoned", None),
        "p1": ("publication", "abandoned", None),
        "p2": ("publication", "ok", Decimal("2.000000")),
        "f1": ("freshness", "failed", Decimal("1.000000")),
        "k1": ("backup", "running", None),
        "k2": ("backup", "busy", Decimal("0.000000")),
        "r1": ("restore", "ok", Decimal("60.000000")),
        "d1": ("drill", "failed", Decimal("120.000000")),
    }
    (own,) = mine
    assert (found[own]["status"], found[own]["finished_at"]) == ("running", None)
    assert found[own]["subject"] == "build: stg_landing__runs stg_landing__problems load_history"
    # What an older version did not note is null, not zero.
    assert (found["b1"]["models_failed"], found["b1"]["tests_failed"], found["b1"]["dbt_version"]) == (None,) * 3
    assert found["b1"]["message"] == "3 models or tests failed or were skipped; see logs/dbt.log"
    assert (found["f1"]["late_tables"], found["f1"]["stale_tables"], found["f1"]["dbt_version"]) == (1, 2, "1.11.0")
    counts = ("rows_published", "rows_backed_up", "rows_restored", "rows_compared")
    assert {
        (run, name): row[name] for run, row in found.items() for name in counts if row[name] is not None
    } == {("p2", "rows_published"): 1200, ("r1", "rows_restored"): 77, ("d1", "rows_compared"): 99}  # fmt: skip
    # Readers that knew landings only find the others without a source.
    assert {row["source"] for row in found.values() if row["kind"] not in ("landing", "backfill")} == {None}


def test_history_as_it_was_known_then(warehouse: TestWarehouse, tmp_path: Path) -> None:
    made(warehouse)
    at = ("--vars", "{known_at: '2026-01-01T06:00:01Z'}")
    for more in ((), ("--full-refresh",)):
        assert dbt(warehouse, tmp_path, "build", *SELECTION, *at, *more).returncode == 0
        found = history(warehouse)
        assert {run: row["status"] for run, row in found.items()} == {
            "land": "abandoned", "past": "ok", "b1": "failed", "b2": "running", "p1": "abandoned", "p2": "running",
        }  # fmt: skip
        assert found["p2"]["rows_published"] is None
        assert found["b1"]["finished_at"] == datetime(2026, 1, 1, 3, 0, 30, 500000)


def test_a_build_that_failed_says_how_many_tests_did(warehouse: TestWarehouse, tmp_path: Path) -> None:
    made(warehouse)
    with raw(warehouse) as world:
        operation(world, "x", "nonsense", "2026-01-01 11:00:00", "2026-01-01 11:00:01", status="ok")
    warehouse.env["DBT_ENV_CUSTOM_ENV_GIT_SHA"] = "abc123"
    assert dbt(warehouse, tmp_path, "build", *SELECTION).returncode == 1
    with raw(warehouse) as world:
        world.run(f"delete from {records.TABLE} where run_id = 'x'")
    # A model that fails takes its tests with it: they are skipped. Without its table no event can be read.
    warehouse.query("alter table raw.landing_runs rename to hidden")
    assert dbt(warehouse, tmp_path, "build", "--select", "stg_landing__runs").returncode == 1
    warehouse.query("alter table raw.hidden rename to landing_runs")
    assert dbt(warehouse, tmp_path, "build", *SELECTION, "--exclude", "stg_landing__problems").returncode == 0
    builds = [row for run, row in history(warehouse).items() if row["kind"] == "build" and run not in ("b1", "b2")]
    first, second, third = sorted(builds, key=lambda row: row["started_at"])
    assert (first["status"], first["code"], first["models_failed"], first["tests_failed"]) == (
        "failed", "BUILD_FAILED", 0, 1,
    )  # fmt: skip
    assert (first["git_sha"], first["dbt_version"]) == ("abc123", records.dbt_version())
    assert (second["status"], second["models_failed"]) == ("failed", 1)
    # stg_landing__runs: not_null of run_id, of source and of _dlt_load_id, and its parse loss.
    assert second["tests_failed"] == 4
    assert third["subject"] == (
        "build: stg_landing__runs stg_landing__problems load_history --exclude stg_landing__problems"
    )


def test_dbt_and_the_commands_make_one_table_of_operations() -> None:
    text = (ROOT / "dbt_project" / "macros" / "ledger" / "run_history.sql").read_text(encoding="utf-8")
    macro = text.split("operation_runs_columns() %}")[1].split("{% endmacro %}")[0]
    assert macro.split() == records.COLUMNS.split()
