"""The simulator's broken and odd archive: what must land lands with the letters that were sent, the rest is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.openweather import SOURCE
from simulator.world import make_faults
from tests.ingestion.sources.small_landing import SmallLanding

TABLE = "weather_observations"


@pytest.fixture
def faults(tmp_path: Path) -> dict[str, Any]:
    return dict(make_faults(tmp_path / "faults", only=["openweather"])["openweather"])


def test_every_case_of_the_fault_set_ends_as_its_truth_says(
    faults: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "faults" / "openweather" / "archive"
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(archive))
    monkeypatch.delenv("OPENWEATHER_PLACES", raising=False)
    landing = SmallLanding(tmp_path, SOURCE)
    landing.land()
    landed = {file.uri: file for batch in landing.batches for file in batch.files}
    found = dict.fromkeys(landed, "landed")
    found |= {problem.uri or "": "rejected" for problem in landing.problems}
    found |= {one.uri: "unchanged" for one in landing.unchanged}
    cases = faults["archive"]
    assert {case["file"]: found[(archive / case["file"]).as_uri()] for case in cases} == {
        case["file"]: case["outcome"] for case in cases
    }
    assert not [problem for problem in landing.problems if problem.code.startswith("INTERNAL")]
    checked = 0
    for case in cases:
        file = landed.get((archive / case["file"]).as_uri())
        if file is None:
            continue
        told = {value["column"]: value["text"] for value in case.get("values", [])} | case.get("columns", {})
        told |= {"logical_date": case["day"]} if "day" in case else {}
        for column, text in told.items():
            assert landing.query(
                f"select {column} from raw.{TABLE} where _source_file = '{file.source_file}'"
            ) == [(text,)], case["fault"]  # fmt: skip
            checked += 1
    assert checked >= 15
