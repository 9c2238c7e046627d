"""Both sources through the real door, on both engines: what they remember is what the warehouse says."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ingestion.landing import land
from ingestion.report import Outcome, Report
from ingestion.run import Options
from ingestion.sources import smart_meters, winnipeg_billing
from simulator.systems.winnipeg_billing.portal import serve
from simulator.world import Size, make_world, settings_for
from tests.conftest import TestWarehouse

SYSTEMS = ("winnipeg_billing", "smart_meters")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engines") / "world"
    make_world(folder, Size(bills=400, meters=3, starts_on=date(2021, 3, 26), until=date(2021, 3, 30)), SYSTEMS)
    return folder


def _land() -> tuple[Outcome, Outcome]:
    with Report() as report:
        first, second = land([winnipeg_billing.SOURCE, smart_meters.SOURCE], Options(), report)
    assert (first.problems, second.problems) == ([], [])
    return first, second


def test_what_is_new_lands_once_and_deletions_are_found(
    warehouse: TestWarehouse, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(world / "winnipeg_billing") as server:
        for name, value in {**warehouse.env, **settings_for(world, {"winnipeg_billing": server.domain})}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SOCRATA_PAGE_SIZE", "150")
        truth = json.loads((world / "truth.json").read_text())
        bills, meters = _land()
        assert bills.rows == len(server.rows) == truth["bills"]["generations"]["1"]["rows"]
        agreements = sum(warehouse.query(f"select count(*) from raw.{t}")[0][0] for t in ("agreements", "products"))
        meterpoints = warehouse.query("select count(*) from raw.meterpoints")[0][0]
        assert meters.rows == truth["meters"]["rows"] + agreements + meterpoints

        assert [(o.rows, o.files, o.unchanged > 0) for o in _land()] == [(0, 0, True), (0, 0, True)]

        gone = {server.row(3)[":id"], server.row(200)[":id"]}
        server.advance()
        server.delete(*gone)
        bills, _ = _land()
        assert 0 < bills.rows < len(server.rows)
        deleted = {row[0] for row in warehouse.query("select _id from raw.utility_billing_deletions")}
        listed = {server.row(position)[":id"] for position in range(len(server.rows))}
        assert gone <= deleted and not deleted & listed
        latest = dict(
            warehouse.query("select _id, max(_updated_at) from raw.utility_billing group by _id order by _id")
        )
        assert {i: latest[i] for i in listed} == {
            row[":id"]: row[":updated_at"] for row in map(server.row, range(len(server.rows)))
        }
        assert [outcome.rows for outcome in _land()] == [0, 0]
