"""A published copy of 400 rows in each table, and this process pointed to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from publishing.publish import publish
from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.publishing.conftest import made_build


@pytest.fixture(scope="module")
def duckdb_copy(tmp_path_factory: pytest.TempPathFactory) -> TestWarehouse:
    """Shared by the tests of a file: none may change it, and each looks whether it has."""
    warehouse = duckdb_warehouse(tmp_path_factory.mktemp("copy"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in warehouse.env.items():
            patch.setenv(name, value)
        made_build(warehouse, 1)
        publish()
    return warehouse


@pytest.fixture
def asked(duckdb_copy: TestWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    """The copy, with a folder for what is written down that is this test's own."""
    for name, value in duckdb_copy.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    return duckdb_copy


@pytest.fixture
def webserver() -> Iterator[int]:
    """The port of a server on loopback that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])
