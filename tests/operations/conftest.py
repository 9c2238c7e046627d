"""A server and a small sample world of this room's own: roles belong to a whole server, not to one database of it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.settings import ROOT
from tests.conftest import duckdb_warehouse, postgres_warehouse
from tests.operations.commands import apply_roles
from tests.operations.roled_house import RoledHouse
from tests.operations.small_house import SmallHouse, made, small_house_in
from tests.postgres_server import execute, fresh_database, postgres_server


@pytest.fixture(scope="session")
def server() -> Iterator[dict[str, str]]:
    with postgres_server() as settings:
        yield settings


@pytest.fixture
def database(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """PG* of a fresh database, as its administrator."""
    with fresh_database(server) as settings:
        yield settings


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample world: 600 bills in its first edition, 6 meters, 4 days of weather and gas."""
    out = tmp_path_factory.mktemp("world") / "sample"
    size = ("--bills", "600", "--meters", "6", "--history-days", "4")
    command = [sys.executable, "-m", "simulator", "make", "--out", str(out), *size]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    return out


@pytest.fixture(scope="session")
def house(server: dict[str, str], world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoledHouse]:
    """Roles applied to an empty database, then landed as loader, built and published as transformer."""
    with fresh_database(server) as admin:
        apply_roles(admin)
        made = RoledHouse(admin, world, tmp_path_factory.mktemp("roled"))
        made.of("loader").land()
        made.of("transformer").dbt("build")
        made.of("transformer").run("python", "-m", "publishing")
        yield made


@pytest.fixture(scope="session")
def template(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Gives the folder of a small house of an engine, made at the first request; tests work on copies."""
    folders: dict[str, Path] = {}
    execute(server, "create database small_house")

    def folder_of(engine: str) -> Path:
        if engine not in folders:
            folder = tmp_path_factory.mktemp(f"small-{engine}")
            settings = {**server, "PGDATABASE": "small_house"}
            made(duckdb_warehouse(folder) if engine == "duckdb" else postgres_warehouse(folder, settings), folder)
            folders[engine] = folder
        return folders[engine]

    yield folder_of
    execute(server, "drop database small_house")


@pytest.fixture
def duckdb_house(template: Callable[[str], Path], tmp_path: Path) -> SmallHouse:
    shutil.copytree(template("duckdb"), tmp_path, dirs_exist_ok=True)
    return small_house_in(duckdb_warehouse(tmp_path), tmp_path)


@pytest.fixture
def postgres_house(template: Callable[[str], Path], server: dict[str, str], tmp_path: Path) -> Iterator[SmallHouse]:
    shutil.copytree(template("postgres"), tmp_path, dirs_exist_ok=True)
    name = f"house_{secrets.token_hex(4)}"
    execute(server, f"create database {name} template small_house")
    yield small_house_in(postgres_warehouse(tmp_path, {**server, "PGDATABASE": name}), tmp_path)
    # Its replaced and restored relatives go with it.
    for (database,) in execute(server, f"select datname from pg_database where datname like '{name}%'"):
        execute(server, f"drop database {database} with (force)")


@pytest.fixture(params=["duckdb", "postgres"])
def small_house(request: pytest.FixtureRequest) -> SmallHouse:
    """A house of the test's own, landed, built and published; each test that asks for it runs on both engines."""
    return request.getfixturevalue(f"{request.param}_house")
