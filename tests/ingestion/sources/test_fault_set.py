"""The simulator's fault set against the readers: each delivery comes to what its truth says."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources import energy_transfer, openweather, smart_meters, winnipeg_billing
from simulator.systems import energy_transfer as simulated_capacity
from simulator.systems.winnipeg_billing.portal import serve
from simulator.world import Size, make_faults
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


def test_each_answer_of_the_weather_archive(
    faults: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = faults
    archive = folder / "openweather" / "archive"
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(archive))
    monkeypatch.delenv("OPENWEATHER_PLACES", raising=False)
    landing = SmallLanding(tmp_path, openweather.SOURCE)
    cases = truth["openweather"]["archive"]
    assert landing.land() == sum(case["outcome"] == "landed" for case in cases)
    landed = {file.uri: file for batch in landing.batches for file in batch.files}
    rejected = {problem.uri for problem in landing.problems}
    for case in cases:
        uri = next((uri for uri in [*landed, *rejected] if str(uri).endswith(f"archive/{case['file']}")), None)
        if case["fault"].startswith(("none", "the bytes of")):
            continue  # two names of one content: either is landed, the other unchanged
        assert ("landed" if uri in landed else "rejected") == case["outcome"], f"{case}: {landing.problems}"
        if uri not in landed:
            continue
        file = landed[uri]
        told = {value["column"]: value["text"] for value in case.get("values", [])} | case.get("columns", {})
        for column, text in told.items():
            row = landing.query(
                f"select {column} from raw.weather_observations where _source_file = '{file.source_file}'"
            )
            assert row == [(text,)], case
        assert case.get("day", "").replace("-", "/") in file.key
    assert (len(landing.unchanged), landing.land()) == (1, 0)


def test_each_posting_of_capacity(
    faults: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth = faults
    told = truth["energy_transfer"]
    with simulated_capacity.serve(folder / "energy_transfer", Size().now) as server:
        for name, value in simulated_capacity.settings(folder / "energy_transfer", server.domain).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ENERGY_TRANSFER_WAIT_SECONDS", "0")
        landing = SmallLanding(tmp_path, energy_transfer.SOURCE)
        landing.since, landing.until = date.fromisoformat(told["history_from"]), date(2021, 3, 1)
        landing.land({"asset": told["asset"], "cycle": str(told["cycle"])})
    landed = {file.source_file.split("_")[1]: file for batch in landing.batches for file in batch.files}
    for case in told["cases"]:
        named = [problem for problem in landing.problems if f"gas day {case['gas_day']}," in problem.message]
        found = "landed" if case["gas_day"] in landed else "rejected" if named else "not posted"
        assert found == case["outcome"], f"{case}: {landing.problems}"
        if found == "landed":
            file = landed[case["gas_day"]]
            assert file.rows == case["rows"], case
            values = {value["column"]: value["text"] for value in case.get("values", [])} | case.get("columns", {})
            for column, text in values.items():
                row = landing.query(
                    f"select {column} from raw.operational_capacity "
                    f"where _source_file = '{file.source_file}' and _source_row = 1"
                )
                assert row == [(text,)], case
    assert len(landed) + len(landing.problems) == len(told["cases"]) - 2
