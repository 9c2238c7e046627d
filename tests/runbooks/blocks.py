"""The sh blocks of a runbook, as the person who follows it runs them: those of a section in one shell, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ingestion.settings import ROOT

FOLDER = ROOT / "docs" / "runbooks"
OURS = ("PG", "WAREHOUSE", "METERHOUSE_", "LAKE_URL", "PSEUDONYM_KEY", "SMART_METERS_", "OPENWEATHER_")


def sections(page: str) -> dict[str, list[str]]:
    """The sh blocks of each section that has any, by its heading."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", (FOLDER / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"```sh\n(.*?)```", part, flags=re.DOTALL)
        if blocks:
            found[part.splitlines()[0]] = blocks
    return found


def follow(blocks: list[str], env: Mapping[str, str], *around: str) -> str:
    """What the blocks said; fails when a command of theirs did. `around` is a command to run the shell in."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*around, "bash", "-eu", "-o", "pipefail", "-c", "\n".join(blocks)],
        cwd=ROOT,
        env={**inherited, **env, "PATH": path, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
