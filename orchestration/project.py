"""Where the project lies, and the names by which DAGs know each other."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingestion.settings import value

ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = ROOT / "dbt_project"
POOL = "warehouse"
"""Of one slot: whatever opens the warehouse takes it. A DuckDB file has one writer; on PostgreSQL two dbt runs would
replace the same tables, and a landing in the middle of a build would be in some of its models and not in others."""
START = datetime(2021, 1, 1, tzinfo=UTC)
"""Before this nothing is scheduled or backfilled. No DAG catches up by itself."""


def retry_delay() -> timedelta:
    """How long before the second try; it doubles with each one."""
    return timedelta(seconds=float(value("AIRFLOW_RETRY_SECONDS") or 60))


def manifest_path() -> Path:
    """dbt's manifest as of the code that is installed; `python -m orchestration manifest` makes it.

    A file of its own: dbt rewrites the one in `target/` with each run, while somebody may be reading it.
    """
    return Path(os.environ.get("METERHOUSE_MANIFEST") or ROOT / "target" / "airflow" / "manifest.json")


def landing_dag(source: str) -> str:
    return f"land_{source}"


def building_dag(source: str) -> str:
    return f"build_{source}"
