"""What the detectors find in a world of another seed than the sample's, against what was planted in it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.detectors import SEEDS, TRIALS, Score, Verdict, verdict, write_trials


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    return verdict(tmp_path_factory.mktemp("detectors"), seed=7)


def test_nine_of_ten_faults_of_each_kind_are_found_and_nine_of_ten_events_are_faults(found: Verdict) -> None:
    kinds = {
        "statistical_outlier",
        "out_of_range",
        "flat_line",
        "gap",
        "mismapped_pressure",
        "no_flow",
        "night_flow_rise",
    }
    assert {score.kind for score in found.scores if score.planted} == kinds
    assert [score for score in found.scores if score.recall < 0.9 or score.precision < 0.9] == []


def test_clean_weeks_and_a_clean_zone_alarm_nobody(found: Verdict) -> None:
    assert found.false_alarms == ()


def test_leaks_are_told_on_their_second_night(found: Verdict) -> None:
    assert found.nights == {"DIST_003": 2, "DIST_004": 2}


def trials() -> dict[int, list[Score]]:
    """Rows of dbt's seed by the seed of their world, kinds in alphabetical order."""
    found: dict[int, list[Score]] = {}
    with TRIALS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            counts = (int(row[f"{name}_count"]) for name in ("planted", "found", "told", "right"))
            found.setdefault(int(row["world_seed"]), []).append(Score(row["anomaly_type"], *counts))
    return found


def test_the_trials_that_the_ledger_reads_say_the_same_of_this_world(found: Verdict) -> None:
    assert trials()[7] == list(found.scores)


def test_every_world_was_tried_with_the_same_kinds() -> None:
    kept = trials()
    assert set(kept) == set(SEEDS)
    assert {tuple(score.kind for score in scores) for scores in kept.values()} == {
        ("flat_line", "gap", "mismapped_pressure", "night_flow_rise", "no_flow", "out_of_range", "statistical_outlier")
    }


def test_trials_are_written_by_kind_and_world_in_place_of_the_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    file.write_text("of another year\n", encoding="utf-8")
    later = Verdict((Score("gap", 3, 2, 4, 1), Score("no_flow", 1, 0, 0, 0)), (), {})
    write_trials({20: later, 3: Verdict((Score("no_flow", 5, 5, 6, 6),), (), {})}, file)
    assert file.read_text(encoding="utf-8").splitlines() == [
        "anomaly_type,world_seed,planted_count,found_count,told_count,right_count",
        "gap,20,3,2,4,1",
        "no_flow,3,5,5,6,6",
        "no_flow,20,1,0,0,0",
    ]
