"""Landings and builds that are started over the API, one at a time."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from serving.api.jobs import Job, save
from tests.end_to_end.conftest import House
from tests.end_to_end.serving_api import Api, serving
from tests.orchestration.airflow import children

SECONDS = 300


def simulated(house: House) -> tuple[str, ...]:
    """What stands before the API, so that what it starts meets the sample world."""
    return (sys.executable, "-m", "simulator", "run", "--world", str(house.world), "--generation", "2", "--")


def trigger(api: Api, **wanted: Any) -> Any:
    return api.call("/api/v1/processing/trigger", "POST", api.operator, json=wanted)


def ended(api: Api, number: str) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while True:
        job = api.call(f"/api/v1/processing/jobs/{number}").json()
        if job["status"] in ("success", "failed"):
            return dict(job)
        assert time.monotonic() < deadline, job
        time.sleep(0.5)


def test_a_job_lands_builds_and_publishes_and_no_second_runs_beside_it(new_house: House, tmp_path: Path) -> None:
    folder = tmp_path / "api-data"
    folder.mkdir()
    with serving(new_house, folder, simulated(new_house)) as api:
        before = api.call("/api/v1/status").json()["publication"]["built_at"]
        answer = trigger(api, sources=["winnipeg_billing"])
        assert answer.status_code == 202, answer.text
        job = answer.json()
        assert answer.headers["Location"] == f"/api/v1/processing/jobs/{job['id']}"
        assert (job["requested_by"], job["runner"], job["sources"]) == ("olga", "local", ["winnipeg_billing"])
        second = trigger(api)
        assert (second.status_code, second.json()["code"]) == (409, "JOB_RUNNING")
        assert job["id"] in second.json()["message"]
        assert api.call("/api/v1/status").json()["running_job"] == job["id"]
        done = ended(api, job["id"])
        assert (done["status"], done["message"]) == ("success", "")
        assert datetime.fromisoformat(done["started_at"]) <= datetime.fromisoformat(done["finished_at"])
        after = api.call("/api/v1/status").json()
        assert after["publication"]["built_at"] > before
        # Readers see the portal's second edition.
        truth = new_house.truth["bills"]["generations"]["2"]
        ((bills, cad),) = new_house.ask("select count(*), sum(amount_due_cad) from {marts}.fct_utility_bills")
        assert (bills, str(cad)) == (truth["rows"], truth["sums"]["amount_due"])
        assert [one["id"] for one in api.call("/api/v1/processing/jobs").json()["jobs"]] == [job["id"]]


def test_a_job_whose_process_was_killed_has_failed_and_the_next_one_starts(new_house: House, tmp_path: Path) -> None:
    folder = tmp_path / "api-data"
    folder.mkdir()
    with serving(new_house, folder, simulated(new_house)) as api:
        first = trigger(api, sources=["openweather"]).json()
        deadline = time.monotonic() + 60
        while not (folder / "api" / "jobs" / f"{first['id']}.lock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for process in children("serving.api.working", str(folder)):
            os.killpg(process, signal.SIGKILL)
        done = ended(api, first["id"])
        assert (done["status"], "ended without a word" in done["message"]) == ("failed", True)
        assert trigger(api, sources=["openweather"]).status_code == 202


def test_a_job_that_cannot_land_says_which_step_ended_how(new_house: House, tmp_path: Path) -> None:
    folder = tmp_path / "api-data"
    folder.mkdir()
    broken = {"SMART_METERS_READINGS": str(tmp_path / "nowhere"), "SMART_METERS_DATABASE": str(tmp_path / "none.db")}
    with serving(new_house, folder, **broken) as api:
        done = ended(api, trigger(api, sources=["smart_meters"]).json()["id"])
    assert done["status"] == "failed"
    assert done["message"].startswith("land smart_meters ended with 1: ")


def test_while_airflow_is_away_what_is_known_of_a_job_is_shown(
    first_house: Callable[[str], House], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    begun = Job(
        "20210406T000000", "airflow", [], False, "olga", "2021-04-06T00:00:00", "running", runs={"land_abbanoa": "x"}
    )
    save(begun, tmp_path / "api" / "jobs")
    with serving(first_house("duckdb"), tmp_path, AIRFLOW_URL=address) as api:
        assert api.call("/api/v1/status").json()["running_job"] == begun.id
        assert api.call(f"/api/v1/processing/jobs/{begun.id}").json()["status"] == "running"
        assert trigger(api).status_code == 409
        (tmp_path / "api" / "jobs" / f"{begun.id}.json").unlink()
        refused = trigger(api)
        assert (refused.status_code, refused.json()["code"]) == (503, "AIRFLOW_AWAY")
