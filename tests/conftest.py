"""What every test may ask for: a PostgreSQL server for the session, a database or DuckDB file of its own per test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import execute, fresh_database, postgres_server

# A shell that starts the tests in the background has them, and every program they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LONG = ("orchestration/test_running.py", "runbooks/test_pages.py", "metering/test_story.py", "terraform/test_cloud.py")
"""Groups of many minutes: begun last, one of them would keep one worker busy while the others have nothing left."""


# First: the workers read the groups in a hook of the same name, which would else come before this one and find none.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays on one worker when tests run side by side (`make test`), and so does what shares a build.

    Workers take the groups in the order of collection.
    """
    groups: dict[pytest.Item, str] = {}
    for item in items:
        room = item.path.relative_to(Path(__file__).parent)
        groups[item] = str(room)
        if room.parts[0] == "end_to_end":
            groups[item] = f"end_to_end {'postgres' if 'postgres' in item.name else 'duckdb'}"
        elif room.parts[0] == "dbt":
            groups[item] = "dbt"
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    items.sort(key=lambda item: groups[item] not in LONG and not groups[item].startswith("end_to_end"))


@pytest.fixture(scope="session")
def postgres_session() -> Iterator[dict[str, str]]:
    """PG* of a server that lives as long as the session. A server that cannot start is an error, never a skip."""
    with postgres_server() as settings:
        yield settings


@pytest.fixture
def postgres(postgres_session: dict[str, str]) -> Iterator[dict[str, str]]:
    """PG* of a fresh database."""
    with fresh_database(postgres_session) as settings:
        yield settings


@dataclass(frozen=True)
class TestWarehouse:
    """An empty warehouse: `engine` is duckdb or postgres, `env` points every program to it, `query` reads it."""

    __test__ = False

    engine: str
    env: dict[str, str]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, on a connection of its own; on DuckDB no other process may hold the file meanwhile."""
        if self.engine == "duckdb":
            import duckdb

            with duckdb.connect(self.env["WAREHOUSE_PATH"]) as connection:
                connection.execute("set TimeZone = 'UTC'")
                return connection.execute(sql).fetchall()
        return execute(self.env, sql)


def duckdb_warehouse(folder: Path) -> TestWarehouse:
    return TestWarehouse("duckdb", {"WAREHOUSE": "duckdb", **_folders(folder)})


def postgres_warehouse(folder: Path, settings: dict[str, str]) -> TestWarehouse:
    return TestWarehouse("postgres", {"WAREHOUSE": "postgres", **settings, **_folders(folder)})


def _folders(folder: Path) -> dict[str, str]:
    # WAREHOUSE_PATH is set for both engines, so that no test can ever touch the warehouse of the checkout.
    return {
        "METERHOUSE_DATA": str(folder / "data"),
        "LAKE_URL": str(folder / "data" / "lake"),
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
    }


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> TestWarehouse:
    """Each test that asks for it runs twice: on DuckDB and on PostgreSQL."""
    if request.param == "duckdb":
        return duckdb_warehouse(tmp_path)
    return postgres_warehouse(tmp_path, request.getfixturevalue("postgres"))
