"""What the detectors find in a world of another seed than the sample's, against what was planted in it."""

from __future__ import annotations

import pytest

from bench.detectors import Verdict, verdict


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
