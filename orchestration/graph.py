"""dbt's graph as tasks, drawn by Cosmos from a manifest made with the code: no dbt runs while DAGs are parsed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cosmos.airflow.task_group import DbtTaskGroup
from cosmos.config import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, ExecutionMode, LoadMode, TestBehavior

from orchestration.project import DBT_PROJECT, manifest_path
from orchestration.watching import Watch

BUILDS = ("model", "seed", "snapshot")
OWN = "landing"
"""dbt's source for what ingestion writes of its own work; every landing adds to it."""


@lru_cache(maxsize=1)
def manifest() -> dict[str, Any]:
    """dbt's manifest. Raises FileNotFoundError saying how it is made."""
    path = manifest_path()
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: `python -m orchestration manifest` makes it from the dbt project")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def hanging_on(source: str) -> list[str]:
    """Names of the models that a landing of the source can change, in alphabetical order.

    Those with one of its raw tables behind them, and those with nothing behind them but the landings' own ledger. A
    model of another source stays out although it reads that ledger too: nothing of its own has come.
    """
    behind = _sources_behind()
    chosen = [
        node["name"]
        for key, node in manifest()["nodes"].items()
        if node["resource_type"] == "model" and (source in behind[key] or behind[key] == {OWN})
    ]
    return sorted(chosen)


def _sources_behind() -> dict[str, set[str]]:
    """The dbt sources that each node stands on, by its unique id."""
    found: dict[str, set[str]] = {key: {node["source_name"]} for key, node in manifest()["sources"].items()}
    nodes = manifest()["nodes"]

    def behind(key: str) -> set[str]:
        if key not in found:
            found[key] = set()  # dbt has no cycles; this is for nodes that are no relations
            parents = nodes.get(key, {}).get("depends_on", {}).get("nodes", [])
            found[key] = set().union(*(behind(parent) for parent in parents))
        return found[key]

    for key in nodes:
        behind(key)
    return found


def tests_of(models: Iterable[str]) -> list[str]:
    """Names of the data tests that look at any of the models: those that `dbt build` of the models runs."""
    keys = {
        key
        for key, node in manifest()["nodes"].items()
        if node["resource_type"] in BUILDS and node["name"] in set(models)
    }
    return sorted(
        node["name"]
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "test" and keys & set(node["depends_on"]["nodes"])
    )


def draw(group_id: str, builder: str, models: list[str]) -> DbtTaskGroup:
    """A task per model, seed and snapshot, with one for its tests behind it, and one per test that looks at several.

    `models` empty draws everything. Each task watches the task `builder` (`watching.Watch`).
    """
    own_tests, unit_tests, wide_tests = _tests()

    def watch(*, task_id: str, node: Any, task_group: Any, **_: Any) -> Watch:
        if task_id in wide_tests:  # of these Cosmos hands over another node than the test
            nodes = [wide_tests[task_id]]
        elif task_id == "test":
            nodes = own_tests[node.unique_id]
        else:
            nodes = [*unit_tests.get(node.unique_id, []), node.unique_id]
        return Watch(task_id=task_id, task_group=task_group, nodes=nodes, builder=builder)

    return DbtTaskGroup(
        group_id=group_id,
        project_config=ProjectConfig(
            dbt_project_path=DBT_PROJECT, manifest_path=manifest_path(), install_dbt_deps=False
        ),
        # Cosmos wants a profile; the one process that uses it is dbt's own.
        profile_config=ProfileConfig(
            profile_name="meterhouse", target_name="duckdb", profiles_yml_filepath=DBT_PROJECT / "profiles.yml"
        ),
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            should_detach_multiple_parents_tests=True,
            emit_datasets=False,
            select=[*models, *tests_of(models)] if models else [],
            node_conversion_by_task_group=False,
            node_converters=dict.fromkeys(
                (DbtResourceType.MODEL, DbtResourceType.SEED, DbtResourceType.SNAPSHOT, DbtResourceType.TEST), watch
            ),
        ),
    )


def _tests() -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, str]]:
    """Data tests that look at one node and unit tests, by that node; tests that look at several, by the task's name.

    A unit test comes before its model and stops it, so it is shown with the model; a data test comes after it.
    """
    own: dict[str, list[str]] = {}
    wide: dict[str, str] = {}
    for key, node in manifest()["nodes"].items():
        parents = node["depends_on"]["nodes"] if node["resource_type"] == "test" else []
        if len(parents) == 1:
            own.setdefault(parents[0], []).append(key)
        elif parents:
            wide[f"{key.split('.')[2]}_test"] = key
    unit: dict[str, list[str]] = {}
    for key, node in manifest().get("unit_tests", {}).items():
        unit.setdefault(node["depends_on"]["nodes"][0], []).append(key)
    return own, unit, wide
