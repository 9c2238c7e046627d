"""The simulator's broken and odd postings, and its world a day later: what must land lands, the rest is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.energy_transfer import SOURCE
from simulator.system import Size
from simulator.systems.energy_transfer import serve, settings
from simulator.world import make_faults, make_world
from tests.ingestion.sources.small_landing import SmallLanding

TABLE = "operational_capacity"


def landing_at(now: datetime, folder: Path) -> SmallLanding:
    landing = SmallLanding(folder, SOURCE)
    landing.logical_at = now
    return landing


def test_every_case_of_the_fault_set_ends_as_its_truth_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = make_faults(tmp_path / "faults", only=["energy_transfer"])["energy_transfer"]
    cases: list[dict[str, Any]] = truth["cases"]
    last = datetime.fromisoformat(cases[-1]["gas_day"]).replace(hour=16, tzinfo=UTC)
    with serve(tmp_path / "faults" / "energy_transfer", last) as server:
        monkeypatch.setenv("ENERGY_TRANSFER_URL", server.domain)
        monkeypatch.setenv("ENERGY_TRANSFER_ASSETS", truth["asset"])
        monkeypatch.setenv("ENERGY_TRANSFER_HISTORY_FROM", truth["history_from"])
        monkeypatch.setenv("ENERGY_TRANSFER_REQUESTS_PER_SECOND", "1000")
        landing = landing_at(last, tmp_path)
        landing.land({"cycle": str(truth["cycle"])})
    landed = {str(file.key).split("_")[-2]: file for batch in landing.batches for file in batch.files}
    refused = {problem.message.split("gas day ")[1][:10]: problem for problem in landing.problems}
    for case in cases:
        day = case["gas_day"]
        found = "landed" if day in landed else "rejected" if day in refused else "not posted"
        assert found == case["outcome"], case["fault"]
        assert day not in landed or landed[day].rows == case["rows"], case["fault"]
        told = {value["column"]: value["text"] for value in case.get("values", [])} | case.get("columns", {})
        for column, text in told.items():
            first = f"select {column} from raw.{TABLE} where gas_day = '{day}' order by _source_row limit 1"
            assert landing.query(first) == [(text,)], case["fault"]
    assert len(landed) + len(refused) == len(cases) - 2
    assert {problem.code for problem in landing.problems} == {
        "PROTOCOL_EMPTY_BODY", "PROTOCOL_NOT_CSV", "DATA_CSV_SYNTAX", "DATA_RAGGED_ROW", "DATA_MISSING_COLUMN",
        "DATA_DUPLICATE_COLUMN", "DATA_ENCODING", "DATA_NUL_BYTE", "DATA_OTHER_POSTING",
    }  # fmt: skip


def test_the_sample_world_lands_whole_and_a_day_later_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = make_world(tmp_path / "world", Size(), only=["energy_transfer"])["energy_transfer"]
    folder, now = tmp_path / "world" / "energy_transfer", Size().now
    with serve(folder, now) as server:
        for name, value in settings(folder, server.domain).items():
            monkeypatch.setenv(name, value)
        landing = landing_at(now, tmp_path)
        assert landing.land() == truth["postings"]["rows"]
        assert landing.problems == []
        known = {file.key for batch in landing.batches for file in batch.files}
        assert len(known) == truth["postings"]["count"]
        server.log.clear()
        server.advance(hours=24)
        landing.logical_at = now + timedelta(hours=24)
        landing.land()
        new = [file for batch in landing.batches for file in batch.files]
    labels = {key.split("@")[1].removesuffix(".csv") for key in known}
    again = {label for file in new if (label := file.source_file.split("@")[1]) in labels}
    assert again == {"TW_2021-04-04_5", "TW_2021-04-05_7", "FEP_2021-04-05_1"}
    # Six cycles of each of two assets, and the Final of FEP that was due the day before and came late.
    assert len(new) - len(again) == 13
    # The fourth re-post of that day is of a gas day that polling does not look back to.
    assert truth["first_landed_in_that_day"] == 13 + 3 + 1
    assert not landing.problems
