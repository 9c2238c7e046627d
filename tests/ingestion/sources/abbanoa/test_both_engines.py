"""A world of water through the real door, on both engines: what is delivered is in raw, once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.landing import land
from ingestion.report import Outcome, Report
from ingestion.run import Options
from ingestion.sources.abbanoa import SOURCE
from simulator.system import Size
from simulator.systems.abbanoa import SYSTEM
from tests.conftest import TestWarehouse


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("water") / "abbanoa"
    folder.mkdir()
    truth = SYSTEM.write(folder, Size(bills=1, meters=1, starts_on=date(2021, 3, 26), until=date(2021, 3, 30)))
    return folder, truth


def _land() -> Outcome:
    with Report() as report:
        (outcome,) = land([SOURCE], Options(), report)
    return outcome


def test_rows_delivered_are_rows_in_raw_and_a_second_landing_adds_nothing(
    warehouse: TestWarehouse, world: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = world
    for name, value in {**warehouse.env, **SYSTEM.settings(folder, None)}.items():
        monkeypatch.setenv(name, value)
    # A file with a quoted blank and one that cannot be read, beside the good ones.
    (folder / "readings" / "blank.csv").write_text('timestamp,node_id,node_name,flow_rate\nt,blank,"",\n')
    (folder / "readings" / "broken.csv").write_text("timestamp,node_id\nt\n")
    outcome = _land()
    assert [problem.code for problem in outcome.problems] == ["DATA_RAGGED_ROW"]
    rows = truth["table_rows"]
    counted = {t.name: warehouse.query(f"select count(*) from raw.{t.name}")[0][0] for t in SOURCE.tables}
    assert counted["sensor_readings"] == rows["sensor_readings"] + 1
    # Each cell is a row: those with a value, and the blank ones.
    assert counted["sensor_logs"] == rows["sensor_logs"] + truth["empty_cells"]
    values = warehouse.query("select count(*) from raw.sensor_logs where value is not null")
    assert values == [(rows["sensor_logs"],)]
    assert outcome.rows == sum(counted.values())
    blank = "select node_name, flow_rate, pressure from raw.sensor_readings where node_id = 'blank'"
    assert warehouse.query(blank) == [("", None, None)]
    stamps = "select count(*) from raw.sensor_readings where timestamp like '2021-03-28 00:30:00%'"
    assert warehouse.query(stamps)[0][0] > 0
    assert [(outcome.rows, outcome.files) for outcome in (_land(),)] == [(0, 0)]
    spans = warehouse.query("select min(first_at), max(last_at) from raw.landed_files where source = 'abbanoa'")
    # Local days 26 to 30 March in Rome: from 23:00 UTC before, and, in summer time, to 22:00 UTC of the last.
    assert spans[0][0] == "2021-03-25T23:00:00.000000Z" and "2021-03-30T21:4" <= spans[0][1] < "2021-03-30T22"
