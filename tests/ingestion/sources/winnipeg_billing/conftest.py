"""A small sample world behind a loopback Socrata, and a landing that reads it without patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ingestion.sources.winnipeg_billing import SOURCE
from simulator.systems.winnipeg_billing.portal import Portal, serve
from simulator.world import Size, make_world
from tests.ingestion.sources.small_landing import SmallLanding

TOKEN = "canary-Zq81-token"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 bills; pages of 150 make three of them."""
    folder = tmp_path_factory.mktemp("billing") / "world"
    make_world(
        folder, Size(bills=400, meters=1, starts_on=date(2021, 1, 1), until=date(2021, 1, 2)), ["winnipeg_billing"]
    )
    return folder


@pytest.fixture
def server(world: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    with serve(world / "winnipeg_billing") as running:
        settings = {
            "SOCRATA_DOMAIN": running.domain,
            "SOCRATA_DATASET_ID": running.id,
            "SOCRATA_APP_TOKEN": TOKEN,
            "SOCRATA_PAGE_SIZE": "150",
            "SOCRATA_WAIT_SECONDS": "0.01",
            "SOCRATA_WAIT_CAP_SECONDS": "0.2",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def landing(server: Portal, tmp_path: Path) -> SmallLanding:
    return SmallLanding(tmp_path, SOURCE)
