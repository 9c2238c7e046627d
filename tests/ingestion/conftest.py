from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.ingestion.house import House


@pytest.fixture(autouse=True)
def _environment_put_back() -> Iterator[None]:
    """Landing in this process sets variables."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def house(warehouse: TestWarehouse, tmp_path: Path) -> House:
    """An installation, on each engine in turn."""
    return House(warehouse, tmp_path)


@pytest.fixture
def duckdb_house(tmp_path: Path) -> House:
    """An installation on DuckDB, for what has nothing to do with the engine."""
    return House(duckdb_warehouse(tmp_path), tmp_path)
