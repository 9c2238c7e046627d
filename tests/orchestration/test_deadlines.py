"""A run that should have ended by now is told of while it is still under way."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.alerting.receivers import webhook
from tests.conftest import duckdb_warehouse
from tests.orchestration.airflow import environment, metadata, running, told
from tests.postgres_server import execute

pytestmark = pytest.mark.timeout(1800)

DAG = "land_smart_meters"
WAIT_SECONDS = 400
PASSED = "update deadline set deadline_time = now() at time zone 'utc' - interval '1 minute' where not missed"


def test_a_run_past_its_deadline_is_told_of_once_and_no_more_when_it_ends(
    tmp_path: Path, world: Path, postgres: dict[str, str]
) -> None:
    """Somebody writes to the delivered database, so the landing waits. Its deadline is moved into the past."""
    database = tmp_path / "delivered.db"
    shutil.copy(world / "smart_meters" / "case_study.db", database)
    with webhook() as hook, closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("begin exclusive")
        env = environment(
            duckdb_warehouse(tmp_path),
            ALERT_WEBHOOK_URL=hook.url,
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
            SMART_METERS_READINGS=str(world / "smart_meters" / "readings"),
            SMART_METERS_DATABASE=str(database),
            SMART_METERS_LOCK_SECONDS="900",
            **metadata(postgres),
        )
        with running(env, world) as airflow:
            airflow.unpause(DAG)
            (run,) = airflow.until(lambda: airflow.runs(DAG))
            name = run["dag_run_id"]
            airflow.until(lambda: airflow.tasks(DAG, name)["land"]["state"] == "running", WAIT_SECONDS)
            execute(postgres, PASSED)
            airflow.until(lambda: told(hook), WAIT_SECONDS)
            assert told(hook) == [("raised", "warning", f"{DAG}/late")]
            assert name in hook.documents[0]["detail"]
            writer.execute("rollback")
            assert airflow.ended(DAG, name) == "success"
            assert told(hook) == [("raised", "warning", f"{DAG}/late"), ("resolved", "warning", f"{DAG}/late")]
