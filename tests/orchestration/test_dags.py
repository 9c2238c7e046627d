"""The DAGs as they are parsed, without scheduler or warehouse: what they are, and that they are all of dbt's graph."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import registry

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "orchestration" / "dags"
FAKE = ROOT / "tests" / "ingestion" / "fake_sources"
PARSE_CPU_SECONDS = 20
"""Generous: 4 s were measured, most of it imports. A dbt call for each DAG would take 30."""

LOOK = """
import json, sys, time
from datetime import datetime, timezone
from unittest.mock import patch
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction
import ingestion.sources
if len(sys.argv) > 2:
    ingestion.sources.__path__.append(sys.argv[2])
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
def number(span): return None if span is None else span.total_seconds()
def first(dag, minute):
    # When a DAG that has never run is due, for an Airflow that is started so many minutes after midnight.
    with patch("airflow.timetables.trigger.utcnow", return_value=datetime(2026, 3, 29, 0, minute, tzinfo=timezone.utc)):
        timetable = decode_timetable(encode_timetable(dag.timetable))
        bounds = TimeRestriction(dag.start_date, None, catchup=False)
        due = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=bounds)
    return due and due.run_after.isoformat()
found = {}
for dag in bag.dags.values():
    found[dag.dag_id] = {
        "schedule": repr(dag.timetable), "first": {minute: first(dag, minute) for minute in (8, 25)},
        "catchup": dag.catchup, "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "params": sorted(dag.params), "deadline": [number(one.interval) for one in dag.deadline or []],
        "tasks": {
            task.task_id: {
                "kind": type(task).__name__, "pool": task.pool, "retries": task.retries, "owner": task.owner,
                "backoff": bool(task.retry_exponential_backoff), "timeout": number(task.execution_timeout),
                "nodes": getattr(task, "nodes", None), "select": getattr(task, "select", None),
                "rule": task.trigger_rule.value,
                "upstream": sorted(task.upstream_task_ids), "tells": bool(task.on_failure_callback),
                "outlets": [asset.name for asset in task.outlets],
            }
            for task in dag.tasks
        },
    }
print("FOUND", json.dumps({"errors": bag.import_errors, "cpu": time.process_time(), "dags": found}))
"""


def looked(folder: Path, *more: str, **env: str) -> dict[str, Any]:
    given = {
        **{name: value for name, value in os.environ.items() if not name.endswith("_SCHEDULE")},
        "AIRFLOW_HOME": str(folder / "airflow"), "PYTHONPATH": str(ROOT), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "METERHOUSE_MANIFEST": str(folder / "manifest.json"), **env,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(DAGS), *more],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return dict(json.loads(line[6:]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With dbt's manifest in it, made as `python -m orchestration manifest` makes it."""
    folder = tmp_path_factory.mktemp("dags")
    env = {**os.environ, "METERHOUSE_MANIFEST": str(folder / "manifest.json"), "DBT_LOG_PATH": str(folder / "logs")}
    subprocess.run(
        [sys.executable, "-m", "orchestration", "manifest"], cwd=ROOT, env=env, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def parsed(folder: Path) -> dict[str, Any]:
    return looked(folder)


@pytest.fixture(scope="module")
def dags(parsed: dict[str, Any]) -> dict[str, Any]:
    return dict(parsed["dags"])


@pytest.fixture(scope="module")
def listed(folder: Path) -> Callable[..., set[str]]:
    """What dbt itself selects, by unique id."""

    def ls(*select: str) -> set[str]:
        env = {**os.environ, "DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
        chosen = ["--select", *select] if select else []
        dbt = str(Path(sys.executable).with_name("dbt"))
        done = subprocess.run(
            [dbt, "--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *chosen],
            cwd=ROOT, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        ids = {json.loads(line)["unique_id"] for line in done.stdout.splitlines() if line.startswith("{")}
        return {key for key in ids if key.split(".")[0] in ("model", "seed", "snapshot", "test", "unit_test")}

    return ls


def watched(dag: dict[str, Any]) -> list[str]:
    return [node for task in dag["tasks"].values() for node in task["nodes"] or []]


def test_every_dag_is_parsed_within_its_budget(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["cpu"] < PARSE_CPU_SECONDS
    names = registry.names()
    expected = {f"{verb}_{name}" for verb in ("land", "build") for name in names}
    assert set(parsed["dags"]) == expected | {"build_everything", "publish", "freshness"}


def test_a_source_has_its_dags_without_an_edit_here(folder: Path) -> None:
    found = looked(folder, str(FAKE))
    assert found["errors"] == {}
    assert {"land_fake", "build_fake"} <= set(found["dags"])
    assert "fake" in found["dags"]["freshness"]["tasks"]


def test_everything_that_dbt_would_build_is_a_task_once(dags: dict[str, Any], listed: Callable[..., set[str]]) -> None:
    drawn = watched(dags["build_everything"])
    assert len(drawn) == len(set(drawn)) > 300
    assert set(drawn) == listed()
    assert dags["build_everything"]["tasks"]["build"]["select"] == []


@pytest.mark.parametrize("source", registry.names())
def test_a_part_is_drawn_as_dbt_selects_it(source: str, dags: dict[str, Any], listed: Callable[..., set[str]]) -> None:
    dag = dags[f"build_{source}"]
    select = dag["tasks"]["build"]["select"]
    drawn = watched(dag)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == listed(*select)
    # Nothing that hangs on the source is left out, and no model of another source is in it.
    models = {key for key in drawn if key.startswith("model.")}
    assert {key for key in listed(f"source:{source}+") if key.startswith("model.")} <= models
    others = {name for name in registry.names() if name != source}
    assert [key for key in models for other in others if f".stg_{other}__" in key] == []


def test_tests_stand_behind_their_model_and_unit_tests_beside_it(dags: dict[str, Any]) -> None:
    tasks = dags["build_everything"]["tasks"]
    assert tasks["dbt.dim_products.test"]["upstream"] == ["dbt.dim_products.run"]
    assert all(node.startswith("test.") for node in tasks["dbt.dim_products.test"]["nodes"])
    with_unit_tests = tasks["dbt.int_agreement_periods.run"]["nodes"]
    assert {node.split(".")[0] for node in with_unit_tests} == {"unit_test", "model"}
    wide = tasks["dbt.monthly_billing_equals_bills_to_the_cent_test"]
    assert {"dbt.fct_utility_bills.run", "dbt.monthly_billing.run"} <= set(wide["upstream"]) | {
        name.replace(".test", ".run") for name in wide["upstream"]
    }


def test_whatever_opens_the_warehouse_waits_for_one_slot(dags: dict[str, Any]) -> None:
    quick = ("EmptyOperator", "TellLanded", "Watch")
    for name, dag in dags.items():
        for task, one in dag["tasks"].items():
            # `watch` reads the published copy, which no build holds.
            is_free = one["kind"] in quick or (name, task) == ("publish", "watch")
            assert one["pool"] == ("default_pool" if is_free else "warehouse"), (name, task)
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), name


def test_landings_and_models_are_tried_again_later_and_tests_are_not(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for one in dag["tasks"].values():
            if one["kind"] in ("Land", "DbtBuild", "House"):
                assert one["retries"] >= 2 and one["backoff"]
            else:
                assert one["retries"] == 0


def test_every_task_that_works_has_an_owner_an_end_and_somebody_who_is_told(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        for task, one in dag["tasks"].items():
            assert one["owner"] in ("ingestion", "transformation", "publishing"), (name, task)
            if one["kind"] in ("Land", "DbtBuild", "House", "Freshness"):
                assert one["timeout"] and one["tells"], (name, task)


def test_what_landed_starts_what_hangs_on_it_and_that_starts_publishing(dags: dict[str, Any]) -> None:
    for source in registry.names():
        assert dags[f"land_{source}"]["tasks"]["landed"]["outlets"] == [f"landed {source}"]
        assert f"'landed {source}'" in dags[f"build_{source}"]["schedule"]
        assert dags[f"build_{source}"]["tasks"]["build"]["outlets"] == [f"built {source}"]
        assert f"'built {source}'" in dags["publish"]["schedule"]
    assert "'built everything'" in dags["publish"]["schedule"]
    # What landed beside a broken file is built, and the run is red all the same.
    landing = dags["land_abbanoa"]["tasks"]
    assert (landing["landed"]["rule"], landing["complete"]["rule"]) == ("all_done", "all_success")


def test_times_are_the_publishers(dags: dict[str, Any]) -> None:
    assert "'*/30 * * * *', timezone='Europe/Rome'" in dags["land_abbanoa"]["schedule"]
    assert "'10 9,13,17,21,22 * * *', timezone='America/Chicago'" in dags["land_energy_transfer"]["schedule"]
    assert "2 * *', timezone='America/Winnipeg'" in dags["land_winnipeg_billing"]["schedule"]
    assert dags["land_abbanoa"]["deadline"] == [timedelta(minutes=25).total_seconds()]
    assert [name for name, dag in dags.items() if not dag["deadline"]] == ["freshness"]
    assert dags["build_abbanoa"]["deadline"] == dags["publish"]["deadline"] == [timedelta(hours=2).total_seconds()]


def test_a_new_airflow_lands_at_once_and_makes_up_for_no_build_or_check_of_an_empty_warehouse(
    dags: dict[str, Any],
) -> None:
    """Started at 00:08 or 00:25, after freshness of 00:05 and the build of 00:20 were due."""
    assert dags["freshness"]["first"]["8"] == "2026-03-29T01:05:00+00:00"
    assert dags["build_everything"]["first"]["25"] == "2026-03-30T00:20:00+00:00"
    assert dags["land_abbanoa"]["first"] == {"8": "2026-03-29T00:00:00+00:00", "25": "2026-03-29T00:00:00+00:00"}


def test_a_run_can_be_asked_for_another_day_or_a_window(dags: dict[str, Any]) -> None:
    assert {"reference_date", "known_at"} <= set(dags["build_everything"]["params"])
    assert {"since", "until", "param"} <= set(dags["land_openweather"]["params"])


def test_a_setting_gives_other_times_and_a_slip_takes_nothing_away(folder: Path) -> None:
    found = looked(folder, OPENWEATHER_SCHEDULE="0 */3 * * *", ABBANOA_SCHEDULE="every so often")
    assert found["errors"] == {}
    assert "0 */3 * * *" in found["dags"]["land_openweather"]["schedule"]
    wrong = found["dags"]["land_abbanoa"]
    assert "*/30 * * * *" in wrong["schedule"]
    assert [tag for tag in wrong["tags"] if "ABBANOA_SCHEDULE" in tag] != []


def test_without_a_manifest_the_dags_say_how_to_make_it(tmp_path: Path) -> None:
    found = looked(tmp_path)
    assert "python -m orchestration manifest" in str(found["errors"])
    assert "land_abbanoa" in found["dags"]


def test_no_task_outlives_its_token() -> None:
    lines = (ROOT / "orchestration" / "airflow.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    longest = timedelta(hours=3)
    assert int(settings["AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME"]) >= 2 * longest.total_seconds()
