"""An inbox of sensor files and node lists, and a landing that reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestion.sources.abbanoa import SOURCE
from tests.ingestion.sources.small_landing import SmallLanding


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ABBANOA_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def landing(tmp_path: Path) -> SmallLanding:
    return SmallLanding(tmp_path, SOURCE)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    monkeypatch.setenv("ABBANOA_READINGS", str(folder))
    return folder


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    monkeypatch.setenv("ABBANOA_NODES", str(folder))
    return folder


def deliver(path: Path, content: str | bytes, *, days_ago: float = 1) -> Path:
    """Puts a file as if it had come a while ago: one that has just changed is not trusted by its times."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    settled = path.stat().st_mtime - days_ago * 86_400
    os.utime(path, (settled, settled))
    return path
