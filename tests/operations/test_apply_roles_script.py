"""deployment/postgres/apply-roles.sh: the same roles without Python, as a container applies them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psycopg2
import pytest

from ingestion.settings import ROOT
from tests.operations.commands import PASSWORDS, ROLES, apply_roles, as_role
from tests.operations.test_roles import STATE
from tests.postgres_server import execute

SCRIPT = ROOT / "deployment" / "postgres" / "apply-roles.sh"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for role in ROLES:
        (folder / f"warehouse_{role}_password").write_text(PASSWORDS[role])
    return folder


def run_script(database: dict[str, str], secrets: Path, code: int = 0) -> str:
    if shutil.which("psql") is None:
        pytest.skip("there is no psql on this machine (Debian: apt-get install postgresql-client)")
    env = {**database, "PASSWORDS": str(secrets), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    done = subprocess.run(["sh", str(SCRIPT)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_script_does_what_the_command_does(database: dict[str, str], secrets: Path) -> None:
    run_script(database, secrets)
    for role in ROLES:
        assert execute(as_role(database, role), "select current_user") == [(f"meterhouse_{role}",)]
    state = execute(database, STATE)
    assert len(state) > 100
    apply_roles(database)
    assert execute(database, STATE) == state
    said = run_script(database, secrets)
    assert said == "The roles of the warehouse are applied\n"
    assert execute(database, STATE) == state


def test_a_password_that_was_changed_holds_from_the_next_start(database: dict[str, str], secrets: Path) -> None:
    run_script(database, secrets)
    changed = "it's a 'new' one \\ $HOME"
    (secrets / "warehouse_reader_password").write_text(changed)
    run_script(database, secrets)
    assert execute({**as_role(database, "reader"), "PGPASSWORD": changed}, "select 1") == [(1,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(as_role(database, "reader"), "select 1")


def test_a_failure_applies_nothing(database: dict[str, str], secrets: Path) -> None:
    run_script(database, secrets)
    (secrets / "warehouse_reader_password").write_text("another")
    execute(database, "grant pg_monitor to meterhouse_reader")
    try:
        said = run_script(database, secrets, code=3)
        assert "has more than it should: member of pg_monitor" in said
        assert "another" not in said
        assert execute(as_role(database, "reader"), "select 1") == [(1,)]
    finally:
        execute(database, "revoke pg_monitor from meterhouse_reader")


def test_an_empty_password_file_is_refused(database: dict[str, str], secrets: Path) -> None:
    (secrets / "warehouse_loader_password").write_text("")
    assert "warehouse_loader_password is empty" in run_script(database, secrets, code=1)
