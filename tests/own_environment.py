"""Programs that tests run but cannot share an environment with: each in one of its own, from the package registry."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_UNREACHABLE = re.compile(
    r"connect|network|resolv|name or service|timed? ?out|error sending request|failed to fetch|unreachable|ssl|"
    r"from versions: none",
    re.IGNORECASE,
)


def installed(folder: Path, *needed: str) -> Path:
    """The environment's Python, made once. Skips when the registry cannot be reached, and for no other reason."""
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".uv" / "bin")
    if uv:
        steps = [[uv, "venv", "--clear", "-p", sys.executable, str(folder)], [uv, "pip", "install", "-p", str(python)]]
    else:
        steps = [[sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), "-m", "pip", "install"]]
    steps[1] += needed
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=280, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"the package registry does not answer, so {needed[0]} cannot be installed")
        if done.returncode and _UNREACHABLE.search(done.stderr):
            pytest.skip(f"the package registry cannot be reached, so {needed[0]} cannot be installed")
        assert done.returncode == 0, done.stderr
    ready.touch()
    return python
