"""`PGSSLMODE=verify-full`: landing, dbt and publishing believe the right server and refuse one of another name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingestion.settings import ROOT
from tests.conftest import TestWarehouse, postgres_warehouse
from tests.ingestion.house import House as LandingHouse
from tests.operations.tls import Front, tls_front
from tests.publishing.conftest import made_build

PROGRAMS = ("landing", "dbt", "publishing")


@pytest.fixture
def fronted(database: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], tuple[Front, TestWarehouse]]]:
    """Gives a warehouse whose server shows a certificate for the named host, and is reached as `localhost`."""
    with ExitStack() as fronts:

        def reached(certified: str) -> tuple[Front, TestWarehouse]:
            folder = tmp_path / certified
            folder.mkdir()
            front = fronts.enter_context(tls_front(folder, database, certified))
            settings = {
                **database,
                "PGHOST": "localhost",
                "PGPORT": str(front.port),
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": str(front.authority),
            }
            return front, postgres_warehouse(tmp_path, settings)

        yield reached


def start(program: str, warehouse: TestWarehouse, folder: Path) -> tuple[int, str]:
    """Exit code of the program, and what it said."""
    house = LandingHouse(warehouse, folder) if not (folder / "delivered").exists() else None
    env = {
        "FAKE_FOLDER": str(folder / "delivered"),
        "PSEUDONYM_KEY": "a key for tests only",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    if house:
        house.deliver("a", [("m1", "t", "1")])
    command = {
        "landing": [sys.executable, str(ROOT / "tests" / "ingestion" / "cli.py"), "land", "fake"],
        "dbt": [str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--select", "nomination_cycles"],
        "publishing": [sys.executable, "-m", "publishing"],
    }[program]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "METERHOUSE", "SOCRATA"))}
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, **warehouse.env, **env}, capture_output=True, text=True, timeout=200
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_right_server_is_believed(
    program: str, fronted: Callable[[str], tuple[Front, TestWarehouse]], database: dict[str, str], tmp_path: Path
) -> None:
    if program == "publishing":
        made_build(TestWarehouse("postgres", database), 1)
    front, warehouse = fronted("localhost")
    code, said = start(program, warehouse, tmp_path)
    assert code == 0, said
    assert front.encrypted > 0
    assert front.plain == 0
    made = {
        "landing": "select count(*) from raw.fake_readings",
        "dbt": "select count(*) / 6 from intermediate.nomination_cycles",
        "publishing": "select count(*) from published.publication",
    }[program]
    assert TestWarehouse("postgres", database).query(made) == [(1,)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_of_another_name_is_refused(
    program: str, fronted: Callable[[str], tuple[Front, TestWarehouse]], tmp_path: Path
) -> None:
    front, warehouse = fronted("warehouse.example")
    code, said = start(program, warehouse, tmp_path)
    assert code == (2 if program == "dbt" else 1), said
    assert 'certificate for "warehouse.example" does not match host name "localhost"' in " ".join(said.split())
    assert front.plain == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_authority_that_is_not_ours_is_refused(
    program: str, fronted: Callable[[str], tuple[Front, TestWarehouse]], tmp_path: Path
) -> None:
    _, warehouse = fronted("localhost")
    other, _ = fronted("127.0.0.1")
    warehouse.env["PGSSLROOTCERT"] = str(other.authority)
    code, said = start(program, warehouse, tmp_path)
    assert code != 0
    assert "certificate verify failed" in said


def test_the_authority_may_stand_in_the_env_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq does not read `.env`: what stands there must be handed to it."""
    from ingestion import warehouse

    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    settings = warehouse.WarehouseSettings(
        warehouse="postgres", pghost="127.0.0.1", pgport=1, pgsslrootcert=Path("certificates/authority.crt")
    )
    assert warehouse._certificates(settings) == str(ROOT / "certificates" / "authority.crt")
    assert warehouse._certificates(settings.model_copy(update={"pgsslrootcert": None})) is None
    assert warehouse._certificates(settings.model_copy(update={"pgsslrootcert": Path("system")})) == "system"
