"""dbt killed in the middle of a statement on PostgreSQL: the server ends it, the next run starts (F09, F25)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import postgres_warehouse
from tests.metering.raw_meters import PROJECT, create_raw, dbt
from tests.postgres_server import connect

MODEL = "stg_landing__runs"


def test_a_statement_of_a_killed_dbt_ends_and_the_next_run_is_not_held_up(
    postgres: dict[str, str], tmp_path: Path
) -> None:
    warehouse = postgres_warehouse(tmp_path, postgres)
    create_raw(warehouse)
    # The model cannot read its table, so its statement runs until somebody ends it.
    other = connect(postgres)
    other.autocommit = False
    other.cursor().execute("lock table raw.landing_runs in access exclusive mode")
    command = [
        str(Path(sys.executable).with_name("dbt")), "run", "--select", MODEL, "--project-dir", str(PROJECT),
        "--profiles-dir", str(PROJECT), "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"),
    ]  # fmt: skip
    killed = subprocess.Popen(command, env={**os.environ, **warehouse.env}, stdout=subprocess.DEVNULL)
    waiting = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and application_name = 'meterhouse dbt' and wait_event_type = 'Lock'"
    )
    assert becomes(lambda: warehouse.query(waiting) == [(1,)], 60), "dbt never came to its model"
    killed.kill()
    killed.wait(20)
    alive = waiting.replace(" and wait_event_type = 'Lock'", "")
    assert becomes(lambda: warehouse.query(alive) == [(0,)], 10), "the statement outlived its dbt"
    other.close()
    assert "ERROR=0 SKIP=0" in dbt(warehouse, tmp_path, "run", select=MODEL)
    assert warehouse.query("select count(*), count(finished_at) from ledger.build_runs") == [(2, 1)]


def becomes(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False
