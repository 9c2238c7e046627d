"""A backfill in batches: each its own load, and one that was killed goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ingestion.backfill import backfill, batches
from ingestion.report import Outcome, Report
from ingestion.run import Options
from ingestion.sources.abbanoa import SOURCE
from tests.conftest import TestWarehouse, duckdb_warehouse

FIRST, LAST = date(2021, 3, 27), date(2021, 3, 29)


@pytest.fixture
def three_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    """A file of two readings for each of three UTC days, and one of a day after them."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for day in range(27, 31):
        rows = [f"2021-03-{day} {hour}:30:00 UTC,211514,{day}" for hour in ("00", "23")]
        (inbox / f"{day}.csv").write_text("\n".join(["timestamp,node_id,flow_rate", *rows, ""]))
    warehouse = duckdb_warehouse(tmp_path)
    for name, value in {**warehouse.env, "ABBANOA_READINGS": str(inbox)}.items():
        monkeypatch.setenv(name, value)
    for name in ("ABBANOA_NODES", "ABBANOA_BIGQUERY_TABLE"):
        monkeypatch.delenv(name, raising=False)
    return warehouse


def run(batch_days: int) -> list[Outcome]:
    with Report() as report:
        return list(backfill(SOURCE, Options(FIRST, LAST), batch_days, report))


def started(warehouse: TestWarehouse) -> list[str]:
    rows = warehouse.query("select asked from raw.landing_runs where event = 'started' order by \"at\"")
    return [str(asked).split(" ")[0] for (asked,) in rows]


def test_the_days_are_cut_into_batches_without_hole_or_overlap() -> None:
    cut = list(batches(date(2020, 2, 27), date(2020, 3, 4), 3))
    assert cut == [
        (date(2020, 2, 27), date(2020, 2, 29)),
        (date(2020, 3, 1), date(2020, 3, 3)),
        (date(2020, 3, 4), date(2020, 3, 4)),
    ]
    assert list(batches(FIRST, FIRST, 30)) == [(FIRST, FIRST)]


def test_a_killed_backfill_goes_on_where_it_stopped_and_a_finished_one_starts_anew(three_days: TestWarehouse) -> None:
    command = ["backfill", "abbanoa", "--since", str(FIRST), "--until", str(LAST), "--batch-days", "1"]
    killed = subprocess.run(
        [sys.executable, "-m", "ingestion", *command],
        env={**os.environ, "METERHOUSE_CRASH_AT": "extract.page:2"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    days = [f"2021-03-{day}/2021-03-{day}" for day in (27, 28, 29)]
    assert started(three_days) == days[:2]

    assert [outcome.rows for outcome in run(1)] == [2, 2]
    assert started(three_days) == [*days[:2], *days[1:]]
    landed = three_days.query("select flow_rate, count(*) from raw.sensor_readings group by 1 order by 1")
    assert landed == [("27", 2), ("28", 2), ("29", 2)]
    loads = three_days.query("select count(distinct _dlt_load_id) from raw.sensor_readings")
    assert loads == [(3,)]

    assert [outcome.status for outcome in run(1)] == ["unchanged"] * 3
    assert three_days.query("select count(*) from raw.sensor_readings") == [(6,)]


def test_a_batch_with_a_problem_is_run_again_and_does_not_stop_the_others(three_days: TestWarehouse) -> None:
    broken = Path(os.environ["ABBANOA_READINGS"]) / "28.csv"
    whole = broken.read_text()
    broken.write_text(whole + "1,2,3,4\n")
    assert [outcome.rows for outcome in run(2)] == [2, 2]
    broken.write_text(whole)
    assert [outcome.rows for outcome in run(2)] == [2, 0]
    assert three_days.query("select count(*) from raw.sensor_readings") == [(6,)]
