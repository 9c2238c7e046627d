"""What landed is built: a DAG per source that builds what hangs on it, and one that builds everything once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_parsing_context

from ingestion import registry
from orchestration import faults, graph, schedules
from orchestration.building import DbtBuild, House
from orchestration.project import POOL, building_dag, retry_delay

OWNER = "transformation"
PLAYBOOK = "build-failed"
EVERYTHING = "everything"
PATIENCE = timedelta(hours=2)
"""A build that waits for the warehouse behind all others and is tried again still ends within it."""
FAILING = faults.failed(OWNER, PLAYBOOK)
AGAIN: dict[str, Any] = {"retries": 2, "retry_delay": retry_delay(), "retry_exponential_backoff": True}
FULL_REFRESH = Param(False, type="boolean", description="Build incremental models anew from raw.")


def building(what: str) -> DAG:
    """The DAG of one source, or of everything."""
    is_whole = what == EVERYTHING
    models = [] if is_whole else graph.hanging_on(what)
    # The day turns without a landing: agreements in force, and how old everything is.
    schedule = schedules.clock("20 0 * * *") if is_whole else [schedules.landed(what)]
    params = {"full_refresh": FULL_REFRESH}
    variables = {}
    if is_whole:
        params["reference_date"] = Param(
            None,
            type=["null", "string"],
            format="date",
            description="The day for which validity is asked; default: today.",
        )
        params["known_at"] = Param(
            None,
            type=["null", "string"],
            description="Build what was known at that instant (ISO 8601); default: everything landed.",
        )
        variables = {name: f"{{{{ params.{name} or '' }}}}" for name in ("reference_date", "known_at")}
    with DAG(
        building_dag(what),
        description="Build and test everything" if is_whole else f"Build and test what hangs on {what}",
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=6),
        tags=["building", what],
        params=params,
        deadline=faults.deadline(building_dag(what), PATIENCE, OWNER, PLAYBOOK),
        default_args={"owner": OWNER},
    ) as dag:
        build = DbtBuild(
            task_id="build",
            select=models,
            variables=variables,
            is_full_refresh="{{ params.full_refresh }}",
            pool=POOL,
            priority_weight=10,
            execution_timeout=timedelta(hours=3),
            outlets=[schedules.built(what)],
            on_failure_callback=FAILING,
            on_success_callback=faults.ended,
            **AGAIN,
        )
        if not is_whole:
            # A part stands on the other parts: where nothing has ever been built, everything is, once.
            first = House(
                task_id="first", module="publishing", arguments=["build", "--if-missing"], pool=POOL,
                execution_timeout=timedelta(hours=3), on_failure_callback=FAILING, on_success_callback=faults.passed,
                **AGAIN,
            )  # fmt: skip
            first >> build
        graph.draw("dbt", "build", models)
    return dag


# A task's process reads this file anew: it draws its own DAG only.
_wanted = get_parsing_context().dag_id
for _what in (*registry.names(), EVERYTHING):
    if _wanted in (None, building_dag(_what)):
        globals()[building_dag(_what)] = building(_what)
