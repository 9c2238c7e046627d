"""The whole house, run as a person runs it: a small sample world, landed over real HTTP, built by dbt, published.

`house` builds once per engine and session; a test that changes something works on a house of its own (`new_house`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.postgres_server import fresh_database
from tests.publishing.conftest import published

ROOT = Path(__file__).resolve().parents[2]
# A test must not see the settings of the person who runs it.
OURS = (
    "WAREHOUSE", "PG", "SOCRATA_", "SMART_METERS_", "OPENWEATHER_", "ENERGY_TRANSFER_", "ABBANOA_", "LAKE_URL",
    "METERHOUSE_", "PSEUDONYM_KEY", "DBT_", "READER_", "EXPLORER_", "INSPECTOR_",
)  # fmt: skip
SECONDS = 900
LOADS = "select distinct load_id from raw._dlt_loads where status = 0 order by 1"


@dataclass(frozen=True)
class House:
    """One warehouse with its folders, and the commands that work on it."""

    warehouse: TestWarehouse
    world: Path
    folder: Path

    @property
    def engine(self) -> str:
        return self.warehouse.engine

    @property
    def truth(self) -> dict[str, Any]:
        return dict(json.loads((self.world / "truth.json").read_text(encoding="utf-8")))

    @property
    def env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {
            **inherited,
            **self.warehouse.env,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # The same key on both engines, so that their marts can be compared.
            "PSEUDONYM_KEY": "00112233445566778899aabbccddeeff",
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "COLUMNS": "160",
        }

    def run(self, *command: str, code: int = 0, cwd: Path = ROOT) -> str:
        """Runs a command, expects its exit code, returns what it printed (and keeps it beside the logs)."""
        done = subprocess.run(
            command, cwd=cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        with (self.folder / "said.log").open("a", encoding="utf-8") as log:
            log.write(done.stdout)
        assert done.returncode == code, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def land(self, *arguments: str, generation: int = 1, code: int = 0) -> str:
        """`make ingest` against this house's world."""
        return self.run(
            "python", "-m", "simulator", "run", "--world", str(self.world), "--generation", str(generation), "--",
            "python", "-m", "ingestion", "land", "all", *arguments, code=code,
        )  # fmt: skip

    def build(self, *arguments: str, code: int = 0) -> str:
        """`make build`: dbt build, then publish."""
        return self.run("python", "-m", "publishing", "build", *arguments, code=code)

    def dbt(self, *arguments: str, code: int = 0, cwd: Path = ROOT) -> str:
        return self.run("dbt", "--quiet", *arguments, code=code, cwd=cwd)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(sql)

    def columns(self, relation: str) -> list[str]:
        schema, table = relation.split(".")
        return [
            name
            for (name,) in self.query(
                "select column_name from information_schema.columns "
                f"where table_schema = '{schema}' and table_name = '{table}' order by ordinal_position"
            )
        ]

    def content(self, relation: str, without: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
        """Every row as text, scale of decimals included, in the order of all columns, nulls last.

        Load ids are clock readings: each is replaced by its place among the loads of this warehouse.
        """
        places = {load: f"load {n}" for n, (load,) in enumerate(self.query(LOADS))}
        columns = [name for name in self.columns(relation) if name not in without]
        listed = ", ".join(f'"{name}"' for name in columns)
        ordered = ", ".join(f'"{name}" nulls last' for name in columns if not name.endswith("_load_id"))
        return [
            tuple(str(places.get(value, value)) for value in row)
            for row in self.query(f"select {listed} from {relation} order by {ordered}")
        ]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the published copy; `{marts}` and `{ledger}` stand for where those are there."""
        places = ("published", "published") if self.engine == "postgres" else ("marts", "ledger")
        return published(self.warehouse, sql.replace("{marts}", places[0]).replace("{ledger}", places[1]))

    def shown(self) -> list[str]:
        """What is published, as `schema.name`."""
        place = "published." if self.engine == "postgres" else ""
        ((relations,),) = published(self.warehouse, f"select relations from {place}publication")
        return list(json.loads(str(relations)))


def clocks(relation: str) -> frozenset[str]:
    """Columns that say when something ran or landed: the histories of snapshots are dated by it."""
    if relation == "ledger.load_history":
        return frozenset({"run_id", "duration_s", "started_at", "finished_at"})
    return frozenset({"valid_from", "valid_until"} if relation.endswith("_history") else ())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample world: 600 bills in its first edition, 6 meters."""
    out = tmp_path_factory.mktemp("world") / "sample"
    command = [sys.executable, "-m", "simulator", "make", "--out", str(out), "--bills", "600", "--meters", "6"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=SECONDS)
    return out


@pytest.fixture(scope="session", autouse=True)
def components_are_looked_for_once() -> Iterator[None]:
    """Each run of an AppTest reads what all installed packages say of themselves, which was a third of its time."""
    from streamlit.components.v2 import manifest_scanner

    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


@pytest.fixture(scope="session")
def first_house(
    world: Path, tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[Callable[[str], House]]:
    """Gives the house of an engine, landed, built and published; made at the first request. Read-only for tests."""
    made: dict[str, House | AssertionError] = {}
    with fresh_database(postgres_session) as settings:

        def house_of(engine: str) -> House:
            if engine not in made:
                folder = tmp_path_factory.mktemp(f"house-{engine}")
                warehouse = duckdb_warehouse(folder) if engine == "duckdb" else postgres_warehouse(folder, settings)
                house = House(warehouse, world, folder)
                try:
                    house.land()
                    house.build()
                    made[engine] = house
                except AssertionError as error:  # once is enough: it would fail each test the same way
                    made[engine] = error
            found = made[engine]
            if isinstance(found, AssertionError):
                raise found
            return found

        yield house_of


@pytest.fixture(params=["duckdb", "postgres"])
def house(request: pytest.FixtureRequest, first_house: Callable[[str], House]) -> House:
    """A built and published house, shared by the session: look, do not touch."""
    return first_house(str(request.param))


@pytest.fixture
def new_house(first_house: Callable[[str], House], tmp_path: Path) -> House:
    """A DuckDB house of the test's own, as far as the shared one is: built and published."""
    shared = first_house("duckdb")
    shutil.copytree(shared.folder, tmp_path, dirs_exist_ok=True)
    return House(duckdb_warehouse(tmp_path), shared.world, tmp_path)


@pytest.fixture(params=["duckdb", "postgres"])
def landed_house(
    request: pytest.FixtureRequest, first_house: Callable[[str], House], world: Path, tmp_path: Path
) -> House:
    """A house of the test's own with the world landed and nothing built."""
    if request.param == "duckdb":
        warehouse = duckdb_warehouse(tmp_path)
    else:
        warehouse = postgres_warehouse(tmp_path, request.getfixturevalue("postgres"))
    house = House(warehouse, world, tmp_path)
    house.land()
    return house


@pytest.fixture
def page_of(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., AppTest]]:
    """Runs a page of the dashboard on the house: its name, then what stands in the address after `?`."""
    with pages_on(house, monkeypatch, tmp_path) as run:
        yield run


@contextmanager
def pages_on(house: House, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Callable[..., AppTest]]:
    """What readers leave behind (questions asked) goes to `folder`, not to the house."""
    import streamlit as st

    from serving.dashboard import reading

    for name, value in {**house.warehouse.env, "METERHOUSE_DATA": str(folder / "data")}.items():
        monkeypatch.setenv(name, value)
    st.cache_resource.clear()
    st.cache_data.clear()

    def run(name: str, **query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "serving" / "dashboard" / "pages" / f"{name}.py"), default_timeout=60)
        page.query_params.update(query)
        return page.run()

    yield run
    reading.published().close()
    st.cache_resource.clear()
    st.cache_data.clear()
