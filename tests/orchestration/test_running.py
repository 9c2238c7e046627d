"""A real Airflow from an empty warehouse to published marts, and what it does when something breaks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion import registry
from tests.alerting.receivers import webhook
from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.end_to_end.conftest import ROOT, House
from tests.end_to_end.serving_api import serving
from tests.orchestration.airflow import Airflow, children, environment, metadata, running, told
from tests.orchestration.conftest import Scheduled
from tests.publishing.conftest import published

# A whole house is landed and built by a scheduler, on a machine that may have more to do.
pytestmark = pytest.mark.timeout(1800)

LANDINGS = [f"land_{name}" for name in registry.names()]
BUILDINGS = [f"build_{name}" for name in registry.names()]


@pytest.fixture(params=["duckdb", "postgres"])
def scheduled(request: pytest.FixtureRequest) -> Scheduled:
    return request.getfixturevalue(f"{request.param}_scheduled")


def all_is_quiet(airflow: Airflow) -> bool:
    """Each source has landed and been built, the last publication has ended, and no event waits to start another."""
    dags = (*LANDINGS, *BUILDINGS, "publish")
    for _ in range(4):
        if not airflow.quiet(*dags):
            return False
        time.sleep(2)
    return all(airflow.runs(dag) for dag in dags)


def test_from_empty_to_published_marts(scheduled: Scheduled) -> None:
    """Five landings start at once, each what hangs on it, and that publishing: nothing else is told to run."""
    airflow = scheduled.airflow
    airflow.until(lambda: all_is_quiet(airflow))
    for dag in (*LANDINGS, *BUILDINGS, "publish"):
        for number, run in enumerate(airflow.runs(dag)):
            assert run["state"] == "success", (dag, airflow.tail())
            states = Counter(task["state"] for task in airflow.tasks(dag, run["dag_run_id"]).values())
            # A source that is due again while this test runs has nothing new then.
            may_be = {"success", "skipped"} if number and dag in LANDINGS else {"success"}
            assert "success" in states and set(states) <= may_be, (dag, states)
    # No landing or build met another at the warehouse, and nobody was told of anything but what the ledgers found.
    again = [
        (dag, name, airflow.log(dag, run["dag_run_id"], name)[-1000:])
        for dag in (*LANDINGS, *BUILDINGS)
        for run in airflow.runs(dag)[:1]
        for name, task in airflow.tasks(dag, run["dag_run_id"]).items()
        if task["try_number"] > 1
    ]
    assert again == [], airflow.tail()
    assert {key.partition("/")[0] for _, _, key in told(scheduled.hook)} == {"gap", "anomaly"}
    # What readers see is the world's truth.
    truth = json.loads((scheduled.world / "truth.json").read_text())
    place = "published." if scheduled.warehouse.engine == "postgres" else "marts."
    assert published(scheduled.warehouse, f"select count(*) from {place}fct_utility_bills") == [(600,)]
    ((kwh,),) = published(
        scheduled.warehouse, f"select cast(sum(consumption_kwh) as varchar) from {place}fct_meter_readings"
    )
    assert float(kwh) == pytest.approx(float(truth["meters"]["consumption_kwh"]))
    assert scheduled.query("select count(*) from ledger.conservation where unexplained <> 0") == [(0,)]


def test_no_task_is_started_before_there_is_somebody_to_tell_that_it_begins(scheduled: Scheduled) -> None:
    """The first task of a new Airflow was given up where its scheduler was up before the API server answered."""
    logs = scheduled.airflow.home / "logs"
    answers = said_at(logs / "api-server.log", "Application startup complete")
    assert answers < said_at(logs / "scheduler.log", "Starting the scheduler")


def said_at(log: Path, words: str) -> str:
    """When a component's log first has these words: an ISO 8601 instant in UTC."""
    return next(line for line in log.read_text().splitlines() if words in line).partition("Z ")[0]


def test_a_landing_of_nothing_new_starts_nothing(scheduled: Scheduled) -> None:
    airflow = scheduled.airflow
    airflow.until(lambda: all_is_quiet(airflow))
    before = [len(airflow.runs(dag)) for dag in BUILDINGS]
    run = airflow.trigger("land_smart_meters")
    assert airflow.ended("land_smart_meters", run) == "success"
    tasks = airflow.tasks("land_smart_meters", run)
    assert {name: task["state"] for name, task in tasks.items()} == {
        "land": "success", "landed": "skipped", "complete": "success",
    }  # fmt: skip
    time.sleep(3)
    assert [len(airflow.runs(dag)) for dag in BUILDINGS] == before


def test_a_failing_test_stops_publishing_and_is_told_once_until_the_data_is_right(scheduled: Scheduled) -> None:
    """A file of which raw holds fewer rows than were read: the ledger does not balance."""
    airflow = scheduled.airflow
    airflow.until(lambda: all_is_quiet(airflow))
    shown = published_at(scheduled)
    published_runs = len(airflow.runs("publish"))
    heard = len(scheduled.hook.documents)
    name = "assert_conservation_leaves_nothing_unexplained"
    first = "(select min(sha256) from raw.landed_files where source = 'energy_transfer')"
    one = f"where source = 'energy_transfer' and sha256 = {first}"
    ((rows,),) = scheduled.query(f"select rows from raw.landed_files {one}")
    scheduled.query(f"update raw.landed_files set rows = '7777777' {one}")
    for _ in range(2):
        run = airflow.trigger("build_energy_transfer")
        assert airflow.ended("build_energy_transfer", run) == "failed"
    tasks = airflow.tasks("build_energy_transfer", run)
    assert tasks["build"]["try_number"] == 1, "a failing test is not tried again"
    bad = {task for task, one in tasks.items() if one["state"] == "failed"}
    assert bad == {"build", "dbt.conservation.test"}
    assert tasks["dbt.fct_operational_capacity.test"]["state"] == "success"
    assert told(scheduled.hook)[heard:] == [("raised", "failure", f"dbt/{name}")]
    assert scheduled.hook.documents[heard]["playbook"] == "docs/runbooks/build-failed.md"
    assert (len(airflow.runs("publish")), published_at(scheduled)) == (published_runs, shown)

    scheduled.query(f"update raw.landed_files set rows = '{rows}' {one}")
    assert airflow.ended("build_energy_transfer", airflow.trigger("build_energy_transfer")) == "success"
    assert told(scheduled.hook)[heard + 1 :] == [("resolved", "failure", f"dbt/{name}")]
    airflow.until(lambda: len(airflow.runs("publish")) > published_runs and airflow.quiet("publish"))
    assert airflow.runs("publish")[-1]["state"] == "success"
    assert published_at(scheduled) > shown


def test_the_api_starts_runs_of_airflow_and_tells_how_they_ended(scheduled: Scheduled, tmp_path: Path) -> None:
    airflow = scheduled.airflow
    airflow.until(lambda: all_is_quiet(airflow))
    house = House(scheduled.warehouse, scheduled.world, tmp_path)
    login = {"AIRFLOW_USER": airflow.login["username"], "AIRFLOW_PASSWORD": airflow.login["password"]}
    with serving(house, tmp_path, AIRFLOW_URL=airflow.address, **login) as api:
        wanted = {"sources": ["openweather"]}
        started = api.call("/api/v1/processing/trigger", "POST", api.operator, json=wanted)
        assert started.status_code == 202, started.text
        job = started.json()
        assert (job["runner"], list(job["runs"])) == ("airflow", ["land_openweather"])
        second = api.call("/api/v1/processing/trigger", "POST", api.operator, json=wanted)
        assert (second.status_code, second.json()["code"]) == (409, "JOB_RUNNING")
        path = f"/api/v1/processing/jobs/{job['id']}"
        airflow.until(lambda: api.call(path).json()["status"] != "running")
        assert api.call(path).json()["status"] == "success"
    assert airflow.tasks("land_openweather", job["runs"]["land_openweather"])["land"]["state"] == "success"
    wrong = {**login, "AIRFLOW_PASSWORD": "wrong"}
    with serving(house, tmp_path, AIRFLOW_URL=airflow.address, **wrong) as api:
        answer = api.call("/api/v1/processing/trigger", "POST", api.operator, json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (503, "AIRFLOW_AWAY")
    assert "wrong" not in answer.text + api.said.read_text()


@pytest.mark.parametrize(("victim", "dag"), [("dbt", "build_everything"), ("task", "build_energy_transfer")])
def test_a_build_that_is_killed_in_the_middle_is_tried_again_and_comes_to_its_end(
    scheduled: Scheduled, victim: str, dag: str
) -> None:
    airflow = scheduled.airflow
    airflow.until(lambda: all_is_quiet(airflow))
    before = marts(scheduled)
    run = airflow.trigger(dag, full_refresh=True)

    def a_model_is_built() -> bool:
        try:
            return "OK created" in airflow.log(dag, run, "build")
        except FileNotFoundError:
            return False

    airflow.until(a_model_is_built)
    command = f"{Path(sys.executable).with_name('dbt')} --log-format json build"
    (dbt,) = children(command, scheduled.warehouse.env["METERHOUSE_DATA"])
    if victim == "dbt":
        os.kill(dbt, signal.SIGKILL)
    else:
        parent = int(subprocess.run(["ps", "-o", "ppid=", "-p", str(dbt)], capture_output=True, text=True).stdout)
        os.kill(parent, signal.SIGKILL)
    assert airflow.ended(dag, run) == "success", airflow.tail()
    tasks = airflow.tasks(dag, run)
    assert tasks["build"]["try_number"] == 2
    assert {task["state"] for task in tasks.values()} == {"success"}
    # What was built is being published, and on DuckDB nobody else may look meanwhile.
    airflow.until(lambda: all_is_quiet(airflow))
    assert marts(scheduled) == before


def published_at(scheduled: Scheduled) -> Any:
    place = "published." if scheduled.warehouse.engine == "postgres" else ""
    ((at,),) = published(scheduled.warehouse, f"select published_at from {place}publication")
    return at


def marts(scheduled: Scheduled) -> dict[str, Any]:
    """Rows and a sum of each of some marts, of every system."""
    return {
        name: scheduled.query(f"select count(*), cast(sum({measure}) as varchar) from marts.{name}")
        for name, measure in {
            "fct_utility_bills": "amount_due_cad", "fct_meter_readings": "consumption_kwh",
            "fct_weather_daily": "observation_count", "fct_operational_capacity": "operating_capacity_dth",
            "computed_metrics": "volume_m3",
        }.items()
    }  # fmt: skip


# One Airflow of DuckDB's own from here: these need sources that can be broken.


def test_a_source_that_is_down_is_tried_again_and_told_once_until_it_answers(
    tmp_path: Path, world: Path, postgres: dict[str, str]
) -> None:
    """And a window of its past can be landed by Airflow's own command as by the house's."""
    warehouse = duckdb_warehouse(tmp_path)
    archive = tmp_path / "archive"
    archive.mkdir()
    with webhook() as hook:
        env = environment(
            warehouse,
            ALERT_WEBHOOK_URL=hook.url,
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
            SMART_METERS_READINGS=str(tmp_path / "readings"),
            SMART_METERS_DATABASE=str(tmp_path / "nowhere.db"),
            OPENWEATHER_ARCHIVE=str(archive),
            **metadata(postgres),
        )
        with running(env, world) as airflow:
            airflow.unpause("land_smart_meters")
            (first,) = airflow.until(lambda: airflow.runs("land_smart_meters"))
            assert airflow.ended("land_smart_meters", first["dag_run_id"]) == "failed"
            tasks = airflow.tasks("land_smart_meters", first["dag_run_id"])
            assert (tasks["land"]["state"], tasks["complete"]["state"]) == ("failed", "upstream_failed")
            assert told(hook) == [("raised", "failure", "land_smart_meters/land")]
            assert airflow.ended("land_smart_meters", airflow.trigger("land_smart_meters")) == "failed"
            assert len(hook.documents) == 1

            shutil.copytree(world / "smart_meters" / "readings", tmp_path / "readings")
            shutil.copy(world / "smart_meters" / "case_study.db", tmp_path / "nowhere.db")
            assert airflow.ended("land_smart_meters", airflow.trigger("land_smart_meters")) == "success"
            assert told(hook)[1:] == [("resolved", "failure", "land_smart_meters/land")]

            window(airflow, warehouse, world, tmp_path)


def window(airflow: Airflow, warehouse: TestWarehouse, world: Path, folder: Path) -> None:
    """Three daily runs of a backfill, each about the day before it and its own: the days from the 9th to the 12th."""
    dag = "land_openweather"
    airflow.unpause(dag)
    airflow.until(lambda: airflow.runs(dag) and airflow.quiet(dag))
    shutil.copytree(world / "openweather" / "archive", folder / "archive", dirs_exist_ok=True)
    airflow.cli("backfill", "create", "--dag-id", dag, "--from-date", "2021-03-10", "--to-date", "2021-03-13")
    airflow.until(lambda: len(airflow.runs(dag)) >= 4 and airflow.quiet(dag))
    backfilled = [run["state"] for run in airflow.runs(dag) if run["run_type"] == "backfill"]
    assert backfilled == ["success"] * 3
    other = duckdb_warehouse(folder / "other")
    days = ("--since", "2021-03-09", "--until", "2021-03-12")
    done = subprocess.run(
        [sys.executable, "-m", "ingestion", "backfill", "openweather", *days], cwd=ROOT, capture_output=True, text=True,
        env={**environment(other), "OPENWEATHER_ARCHIVE": str(folder / "archive")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    query = "select dt, place, main_temp, _source_file, _source_row from raw.weather_observations order by 1, 2, 4, 5"
    assert warehouse.query(query) == other.query(query) != []
