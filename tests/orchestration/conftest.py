"""Airflows that run: one per engine from empty to published, each made at the first request and stopped at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.alerting.receivers import Webhook, webhook
from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.end_to_end.conftest import ROOT, SECONDS
from tests.orchestration.airflow import Airflow, environment, metadata, running
from tests.postgres_server import fresh_database


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample world: 600 bills in its first edition, 6 meters."""
    out = tmp_path_factory.mktemp("world") / "sample"
    command = [sys.executable, "-m", "simulator", "make", "--out", str(out), "--bills", "600", "--meters", "6"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=SECONDS)
    return out


class Scheduled:
    """A house that Airflow runs, with the webhook that hears of its faults."""

    def __init__(self, warehouse: TestWarehouse, airflow: Airflow, hook: Webhook, world: Path) -> None:
        self.warehouse, self.airflow, self.hook, self.world = warehouse, airflow, hook, world

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement. What the clock starts, as freshness at :05, may hold DuckDB's file."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                return self.warehouse.query(sql)
            except duckdb.IOException:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)


@pytest.fixture(scope="module")
def duckdb_scheduled(tmp_path_factory: pytest.TempPathFactory, world: Path) -> Iterator[Scheduled]:
    warehouse = duckdb_warehouse(tmp_path_factory.mktemp("duckdb"))
    with webhook() as hook, running(environment(warehouse, ALERT_WEBHOOK_URL=hook.url), world) as airflow:
        yield Scheduled(warehouse, airflow, hook, world)


@pytest.fixture(scope="module")
def postgres_scheduled(
    tmp_path_factory: pytest.TempPathFactory, world: Path, postgres_session: dict[str, str]
) -> Iterator[Scheduled]:
    with fresh_database(postgres_session) as settings, fresh_database(postgres_session) as own:
        warehouse = postgres_warehouse(tmp_path_factory.mktemp("postgres"), settings)
        with (
            webhook() as hook,
            running(environment(warehouse, ALERT_WEBHOOK_URL=hook.url, **metadata(own)), world) as airflow,
        ):
            yield Scheduled(warehouse, airflow, hook, world)
