"""The macros of the dbt project as plain SQL on both engines: `engine.evaluate(texts)` asks all parse macros at once.

dbt renders the macros once per engine and session; the statements then run on the engine itself, so that a test can ask
thousands of texts in a moment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.dialects.promises import PARSES, QUERIES, SCALARS
from tests.postgres_server import connect, fresh_database

ROOT = Path(__file__).resolve().parents[2]
NEXT = "\n/* next */\n"


class Engine:
    """One engine with the rendered macros."""

    def __init__(self, warehouse: TestWarehouse, folder: Path) -> None:
        self.name = warehouse.engine
        self.warehouse = warehouse
        self.folder = folder
        if self.name == "duckdb":
            import duckdb

            self.connection: Any = duckdb.connect(warehouse.env["WAREHOUSE_PATH"])
            # A session in another zone must change no result.
            self.connection.execute("set TimeZone = 'Asia/Tokyo'")
        else:
            self.connection = connect(warehouse.env)
            self.run("set timezone = 'Asia/Tokyo'")
        self.run("create table texts (number integer, input text)")
        templates = {
            **QUERIES,
            "parses": f"select number, {_items(PARSES)} from texts order by number",
            "scalars": f"select {_items({name: call for name, (call, _) in SCALARS.items()})}",
        }
        self.queries = dict(zip(templates, self.compile(*templates.values()), strict=True))

    def compile(self, *templates: str) -> list[str]:
        """The SQL that dbt makes of templates, by one `dbt compile --inline`, against a file that nobody holds."""
        env = {**os.environ, **self.warehouse.env, "DBT_TARGET_PATH": str(self.folder / "target")}
        env["DBT_LOG_PATH"] = str(self.folder / "logs")
        env["WAREHOUSE_PATH"] = str(self.folder / "compile.duckdb")
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--inline", NEXT.join(templates),
                "--no-populate-cache", "--no-introspect",
            ],
            cwd=ROOT, env=env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip().split(NEXT)

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if self.name == "duckdb":
            return list(self.connection.execute(sql, list(parameters)).fetchall())
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def evaluate(self, texts: Sequence[str | None]) -> list[dict[str, Any]]:
        """What each parse macro makes of each text, in the order given."""
        self.run("delete from texts")
        mark = "?" if self.name == "duckdb" else "%s"
        for start in range(0, len(texts), 500):
            part = texts[start : start + 500]
            values = ", ".join([f"({mark}, {mark})"] * len(part))
            flat = [item for offset, text in enumerate(part) for item in (start + offset, text)]
            self.run(f"insert into texts values {values}", flat)
        names = ("number", *PARSES)
        return [dict(zip(names, row, strict=True)) for row in self.run(self.queries["parses"])]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query of promises.py, by its name."""
        return self.run(self.queries[query])


def _items(calls: Mapping[str, str]) -> str:
    return ", ".join(f"{{{{ {call} }}}} as {name}" for name, call in calls.items())


@pytest.fixture(scope="session")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("duckdb")
    return Engine(duckdb_warehouse(folder), folder)


@pytest.fixture(scope="session")
def postgres_engine(postgres_session: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("postgres")
    with fresh_database(postgres_session) as settings:
        engine = Engine(postgres_warehouse(folder, settings), folder)
        yield engine
        engine.connection.close()


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each test that asks for it runs on both engines."""
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found
