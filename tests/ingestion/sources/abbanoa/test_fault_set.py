"""The simulator's fault set of the water system: each delivery comes to what its truth says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.clients.places import name_of
from simulator.systems.abbanoa import SYSTEM
from tests.ingestion.sources.small_landing import SmallLanding


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("faults")
    assert SYSTEM.write_faults
    return folder, SYSTEM.write_faults(folder)


@pytest.mark.parametrize("declared", ["cp1252", "utf-8"])
def test_each_file_lands_or_is_named(
    declared: str,
    faults: tuple[Path, dict[str, Any]],
    landing: SmallLanding,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, truth = faults
    for name, value in SYSTEM.settings(folder, None).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ABBANOA_ENCODING", declared)
    landing.land()
    landed = {name_of(file.uri): file.rows for batch in landing.batches for file in batch.files}
    rejected = {name_of(str(problem.uri)) for problem in landing.problems}
    wanted: dict[str, int | None] = {}
    for case in (*truth["readings"], *truth["nodes"]):
        outcome = case.get("outcome_declared_utf8", case["outcome"]) if declared == "utf-8" else case["outcome"]
        wanted[case["file"]] = case["rows"] if outcome == "landed" else None
    assert len(wanted) > 35
    assert landed == {name: rows for name, rows in wanted.items() if rows is not None}
    assert rejected == {name for name, rows in wanted.items() if rows is None}
    for case in truth["readings"]:
        for value in case.get("values", ()):
            column = "timestamp" if case["file"].startswith("stamps") else "flow_rate"
            table = "sensor_logs" if case["file"].startswith("export") else "sensor_readings"
            column = "value" if table == "sensor_logs" else column
            found = landing.query(
                f"select landed.{column} from raw.{table} as landed inner join raw.landed_files as files "
                f"on files.source_file = landed._source_file where files.uri like '%/{case['file']}' "
                f"and landed._source_row = {value['row']}"
            )
            assert found == [(value["text"] or None,)], (case["file"], value)
    assert landing.land() == 0
