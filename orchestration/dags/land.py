"""One landing DAG per source in the registry: times from its declaration, an asset event when something landed."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param

from ingestion import registry
from ingestion.source import Source
from orchestration import faults, schedules
from orchestration.landing import Land, TellLanded
from orchestration.project import POOL, START, landing_dag, retry_delay

OWNER = "ingestion"
PLAYBOOK = "landing-failed"


def landing(source: Source) -> DAG:
    name = landing_dag(source.name)
    _, wrong = schedules.crons(source)
    patience = schedules.PATIENCE[source.cadence]
    with DAG(
        name,
        description=f"{source.title}: land what is new",
        doc_md=f"{source.title} ({source.cadence}).\n\n" + "\n".join(f"- {quirk}" for quirk in source.quirks),
        schedule=schedules.timetable(source),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=6),
        tags=["landing", source.name, *([wrong] if wrong else [])],
        params={
            "since": Param(
                None,
                type=["null", "string"],
                format="date",
                description="First day of a window; with `until` a backfill that goes on where it stopped.",
            ),
            "until": Param(
                None, type=["null", "string"], format="date", description="Last day of the window, itself in."
            ),
            "param": Param(
                [], type="array", items={"type": "string"}, description="The source's own words, each NAME=VALUE."
            ),
        },
        deadline=faults.deadline(name, patience, OWNER, "source-late"),
        default_args={"owner": OWNER},
    ) as dag:
        land = Land(
            task_id="land",
            source=source.name,
            pool=POOL,
            retries=3,
            retry_delay=retry_delay(),
            retry_exponential_backoff=True,
            max_retry_delay=timedelta(minutes=30),
            execution_timeout=timedelta(hours=2),
            on_failure_callback=faults.failed(OWNER, PLAYBOOK),
            on_success_callback=faults.ended,
        )
        # What landed beside a broken file is built all the same; the run is red until everything lands.
        land >> TellLanded(
            task_id="landed", of="land", outlets=[schedules.landed(source.name)], trigger_rule="all_done"
        )
        land >> EmptyOperator(task_id="complete")
    return dag


for _source in registry.sources():
    globals()[landing_dag(_source.name)] = landing(_source)
