"""What has not landed for too long, each hour: `dbt build` does not look, and nothing fails when nothing comes."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from ingestion import registry
from orchestration import faults, schedules
from orchestration.freshness import Freshness
from orchestration.project import POOL

OWNER = "ingestion"

with DAG(
    "freshness",
    description="Which tables have not landed for too long",
    schedule=schedules.clock("5 * * * *"),
    catchup=False,
    max_active_runs=1,
    tags=["landing"],
    default_args={"owner": OWNER},
) as dag:
    for _name in registry.names():
        Freshness(
            task_id=_name,
            source=_name,
            pool=POOL,
            execution_timeout=timedelta(minutes=15),
            on_failure_callback=faults.failed(OWNER, "source-late"),
            on_success_callback=faults.passed,
        )
