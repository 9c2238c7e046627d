"""The API keeps what its OpenAPI document promises: schemathesis asks it what nobody thought of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.api.listing import Listing
from tests.end_to_end.conftest import House
from tests.end_to_end.serving_api import Api, serving


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def api(
    request: pytest.FixtureRequest, first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(first_house(request.param), tmp_path_factory.mktemp("api")) as running:
        yield running


def test_every_answer_is_one_that_the_document_describes(api: Api, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.address}/openapi.json", "--no-color",
            "--header", f"Authorization: Bearer {api.key}", "--max-examples", "5", "--seed", "1",
            "--exclude-path-regex", "trigger", "--request-timeout", "30",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Selected: 3" in done.stdout


def test_every_quantity_in_the_document_has_its_unit(api: Api) -> None:
    """The models' YAML gives it; a number without one is a count, an identifier or a place in an order."""
    schemas = api.call("/openapi.json", key=None).json()["components"]["schemas"]
    rows = {name: schema for name, schema in schemas.items() if name.endswith("Row")}
    assert len(rows) > 20
    wanted = ("_kwh", "_m3", "_cad", "_dth", "_lps", "_bar", "_celsius", "_mm", "_pct", "_hpa", "_mps", "_s")
    without = [
        f"{name}.{field}"
        for name, schema in rows.items()
        for field, said in schema["properties"].items()
        if field.endswith(wanted) and "Unit: " not in said.get("description", "")
    ]
    assert without == []


def test_a_listing_shows_no_bookkeeping_of_the_warehouse() -> None:
    names = {column.name for column in Listing("daily_meterpoint_consumption", ("local_date",)).columns}
    assert "consumption_kwh" in names
    assert not {"_changed_load_id", "_interval_bits"} & names
