"""What the tests of the deployment share: the file, and secrets as the first `make up` makes them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deployment import compose
from tests.deployment.compose import ROOT, Service
from tests.deployment.machine import Machine


@pytest.fixture(scope="session")
def services() -> dict[str, Service]:
    return dict(compose.load()["services"])


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([ROOT / "deployment" / "secrets.sh", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def new_machine(secrets: Path) -> Iterator[Callable[..., Machine]]:
    """Makes machines; what runs on them ends with the module."""
    made: list[Machine] = []

    def make(services: dict[str, Service] | None = None) -> Machine:
        # PostgreSQL runs as another user than root: pytest's own folders are closed to it, again and again, by every
        # pytest that starts on this machine.
        made.append(Machine(Path(tempfile.mkdtemp(prefix="meterhouse-deployment-")), secrets, services))
        return made[-1]

    yield make
    for machine in made:
        machine.close()
        shutil.rmtree(machine.folder, ignore_errors=True)
