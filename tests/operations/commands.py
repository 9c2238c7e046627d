"""The room's commands, run as a person runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from ingestion.settings import ROOT

ROLES = ("loader", "transformer", "reader", "explorer", "security")
PASSWORDS = {role: f"{role}-secret-for-tests-only" for role in ROLES}


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
