"""The simulator's fault set against the readers: each delivery comes to what its truth says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources import smart_meters, winnipeg_billing
from simulator.systems.winnipeg_billing.portal import serve
from simulator.world import make_faults
from tests.ingestion.sources.small_landing import SmallLanding


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("faults") / "set"
    return folder, make_faults(folder)


def test_each_file_of_readings(
    faults: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = faults
    monkeypatch.setenv("SMART_METERS_READINGS", str(folder / "smart_meters" / "readings"))
    monkeypatch.delenv("SMART_METERS_DATABASE", raising=False)
    landing = SmallLanding(tmp_path, smart_meters.SOURCE)
    landing.land()
    landed = {Path(file.uri).name: file.rows for batch in landing.batches for file in batch.files}
    rejected = {Path(str(problem.uri)).name for problem in landing.problems}
    for case in truth["meters"]["readings"]:
        name, outcome = case["file"], case["outcome"]
        if case["fault"].startswith(("none", "the bytes of")):
            continue  # two names of one content: either is landed, the other unchanged
        found = "landed" if name in landed else "rejected" if name in rejected else "unchanged"
        assert found == outcome, f"{name} ({case['fault']}): {landing.problems}"
        if found == "landed":
            assert landed[name] == case["rows"], name
    assert len(landing.unchanged) == 1
    assert landing.land() == 0


@pytest.mark.parametrize("case", range(8))
def test_each_database(
    case: int, faults: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = faults
    delivered = truth["meters"]["databases"][case]
    monkeypatch.setenv("SMART_METERS_DATABASE", str(folder / "smart_meters" / "databases" / delivered["file"]))
    monkeypatch.delenv("SMART_METERS_READINGS", raising=False)
    landing = SmallLanding(tmp_path, smart_meters.SOURCE)
    rows = landing.land()
    if delivered["outcome"] == "landed":
        assert [problem.row for problem in landing.problems] == [
            row["row"] for row in delivered["agreements"] if row["fault"] == "bytes in a text column"
        ]
        assert landing.count("agreements") == len(delivered["agreements"]) - len(landing.problems)
    else:
        assert landing.problems and rows < 20, delivered


def test_each_odd_bill_lands_as_it_was_sent(
    faults: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = faults
    with serve(folder / "winnipeg_billing") as server:
        monkeypatch.setenv("SOCRATA_DOMAIN", server.domain)
        monkeypatch.setenv("SOCRATA_DATASET_ID", server.id)
        landing = SmallLanding(tmp_path, winnipeg_billing.SOURCE)
        assert landing.land() == len(truth["bills"])
    for case in (case for case in truth["bills"] if "text" in case):
        sent = case["text"]
        landed = landing.query(f"select {case['column']} from raw.utility_billing where _id = '{case['id']}'")
        assert landed == [(sent if isinstance(sent, str) else json.dumps(sent, separators=(",", ":")),)]
