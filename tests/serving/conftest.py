"""A published copy of two generations, small enough to count by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from publishing.publish import publish
from serving.published import Published, open_published
from tests.conftest import TestWarehouse
from tests.publishing.conftest import made_build


@pytest.fixture
def pointed(warehouse: TestWarehouse, monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    """The warehouse, with this process pointed to it."""
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    return warehouse


@pytest.fixture
def published(pointed: TestWarehouse) -> Iterator[Published]:
    """Generation 1 of 400 rows in each table."""
    made_build(pointed, 1)
    publish()
    reader = open_published()
    yield reader
    reader.close()
