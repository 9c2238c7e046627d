"""A server and a small sample world of this room's own: roles belong to a whole server, not to one database of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ingestion.settings import ROOT
from tests.postgres_server import fresh_database, postgres_server

ROLES = ("loader", "transformer", "reader", "security")
PASSWORDS = {role: f"{role}-secret-for-tests-only" for role in ROLES}


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


def as_role(settings: Mapping[str, str], role: str) -> dict[str, str]:
    """The same PG*, as one of the house's roles."""
    return {**settings, "PGUSER": f"meterhouse_{role}", "PGPASSWORD": PASSWORDS[role]}


def operate(
    env: Mapping[str, str], *arguments: str, code: int | None = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    """`python -m operations ...` in a process of its own that knows no settings but these."""
    ours = ("PG", "WAREHOUSE", "METERHOUSE_", "LAKE_URL", "PSEUDONYM_KEY")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "operations", *arguments],
        cwd=ROOT,
        env={**inherited, **env, **more, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    if code is not None:
        assert done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def apply_roles(settings: Mapping[str, str], code: int | None = 0, **more: str) -> subprocess.CompletedProcess[str]:
    secrets = {f"METERHOUSE_{role.upper()}_PASSWORD": PASSWORDS[role] for role in ROLES}
    return operate({**secrets, **settings, "WAREHOUSE": "postgres"}, "roles", code=code, **more)
