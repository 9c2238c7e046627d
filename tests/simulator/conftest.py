"""Worlds that the simulator tests share. They are only read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.world import make_faults, make_world


@pytest.fixture(scope="session")
def default_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world that `python -m simulator make` writes, about a second to make."""
    world = tmp_path_factory.mktemp("simulator") / "sample"
    make_world(world)
    return world


@pytest.fixture(scope="session")
def truth(default_world: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((default_world / "truth.json").read_text())
    return found


@pytest.fixture(scope="session")
def fault_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulator") / "sample_faults"
    make_faults(folder)
    return folder
