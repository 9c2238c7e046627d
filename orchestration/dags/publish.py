"""Readers get the newest build that passed whole: after each build of whatever part."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetAny

from ingestion import registry
from orchestration import faults, schedules
from orchestration.building import House
from orchestration.project import POOL, START, retry_delay

OWNER = "publishing"

with DAG(
    "publish",
    description="Show readers the newest build that passed its tests",
    schedule=AssetAny(*(schedules.built(what) for what in (*registry.names(), "everything"))),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    tags=["publishing"],
    deadline=faults.deadline("publish", timedelta(hours=2), OWNER, "publish-failed"),
    default_args={"owner": OWNER},
) as dag:
    publish = House(
        task_id="publish",
        module="publishing",
        pool=POOL,
        # Builds that wait for the slot would only be published one by one.
        priority_weight=1,
        retries=3,
        retry_delay=retry_delay(),
        retry_exponential_backoff=True,
        execution_timeout=timedelta(hours=1),
        on_failure_callback=faults.failed(OWNER, "publish-failed"),
        on_success_callback=faults.ended,
    )
    # What the ledgers of the new copy found is told, and what they no longer find is over.
    publish >> House(
        task_id="watch",
        module="serving.watch",
        retries=3,
        retry_delay=retry_delay(),
        retry_exponential_backoff=True,
        execution_timeout=timedelta(minutes=15),
        on_failure_callback=faults.failed(OWNER, "publish-failed"),
        on_success_callback=faults.passed,
    )
