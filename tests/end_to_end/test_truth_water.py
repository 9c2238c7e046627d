"""The water marts say what the simulator's network did: volumes, balances, nights, and what was planted to be found."""

from __future__ import annotations

import csv
from decimal import Decimal

from bench.detectors import TRIALS, judged
from tests.end_to_end.conftest import House
from tests.end_to_end.test_truth import same, truth_rows


def test_every_reading_of_every_node_is_there_once(house: House) -> None:
    same(
        house.query(
            "select node_id, count(*), count(flow_lps), sum(flow_lps) from marts.fct_sensor_readings group by node_id"
        ),
        (
            (
                row["node_id"], int(row["distinct_readings"]), int(row["flow_readings"]),
                Decimal(row["flow_lps_sum"]) if int(row["flow_readings"]) else None,
            )
            for row in truth_rows(house, "water_readings")
        ),
    )  # fmt: skip


def test_rows_beyond_the_first_of_their_instant_are_counted(house: House) -> None:
    """Duplicates are copies or restatements; both stand in the daily quality, and no row is lost between."""
    truth = truth_rows(house, "water_readings")
    found = house.query(
        "select node_id, sum(duplicate_count) + sum(restated_count) from marts.data_quality_daily group by node_id"
    )
    same(found, ((row["node_id"], int(row["duplicate_rows"])) for row in truth))
    assert sum(int(row["duplicate_rows"]) for row in truth) > 1_000


def test_days_have_the_readings_that_are_due_on_them(house: House) -> None:
    same(
        house.query(
            "select node_id, cast(local_date as varchar), expected_reading_count, reading_count "
            "from marts.data_quality_daily"
        ),
        (
            (row["node_id"], row["local_date"], int(row["expected_readings"]), int(row["readings"]))
            for row in truth_rows(house, "water_daily")
        ),
    )


def test_volumes_of_days_come_out_to_the_litre(house: House) -> None:
    """Where the counter was read at both midnights and never broke."""
    found = {
        (node, day): volume
        for node, day, volume in house.query(
            "select node_id, cast(local_date as varchar), volume_m3 from marts.computed_metrics "
            "where time_window = '1day'"
        )
    }
    exact = [row for row in truth_rows(house, "water_daily") if row["is_exact"] == "true"]
    assert len(exact) > 400
    wrong = [row for row in exact if found.get((row["node_id"], row["local_date"])) != Decimal(row["volume_m3"])]
    assert wrong == []


def test_zones_lose_what_they_lost_and_say_when_it_cannot_be_known(house: House) -> None:
    found = {
        (zone, day): figures
        for zone, day, *figures in house.query(
            "select district_id, cast(local_date as varchar), input_m3, output_m3, loss_m3, unknown_reason "
            "from marts.network_efficiency where time_window = '1day'"
        )
    }
    known, silent = 0, 0
    for row in truth_rows(house, "water_balance"):
        figures = found[row["district_id"], row["local_date"]]
        if int(row["silent_meters"]):
            silent += 1
            assert figures[2] is None and figures[3], row
        elif row["is_exact"] == "true":
            known += 1
            assert figures == [Decimal(row["input_m3"]), Decimal(row["output_m3"]), Decimal(row["loss_m3"]), None], row
    assert known > 100 and silent >= 4


def test_the_day_of_the_clock_change_has_23_hours(house: House) -> None:
    days = house.query(
        "select cast(local_date as varchar), count(*) from marts.computed_metrics "
        "where time_window = '1hour' and node_id = '921101' "
        "and local_date in ('2021-03-27', '2021-03-28') group by 1 order by 1"
    )
    assert days == [("2021-03-27", 24), ("2021-03-28", 23)]


def test_what_was_planted_is_found_and_nothing_is_alarmed_in_clean_weeks(house: House) -> None:
    truth = house.truth["water"]
    events = house.query(
        "select anomaly_type, coalesce(node_id, ''), district_id, cast(starts_at as varchar), cast(ends_at as varchar) "
        "from marts.anomalies"
    )
    planted = truth_rows(house, "water_anomalies")
    assert len(planted) >= 30
    missed = [
        row
        for row in planted
        if not any(
            kind == row["anomaly_type"]
            and (node or row["district_id"]) == (row["node_id"] or district)
            and start < row["ends_at"]
            and end > row["starts_at"]
            for kind, node, district, start, end in events
        )
    ]
    assert len(missed) <= len(planted) // 10, missed
    weeks = truth["clean_weeks"]
    assert [event for event in events if weeks["starts_at"] <= event[3] < weeks["ends_at"]] == []
    assert [event for event in events if event[2] == truth["clean_district"]] == []


def test_a_leak_of_eight_tenths_of_a_litre_is_found_within_two_nights(house: House) -> None:
    leaks = [row for row in truth_rows(house, "water_anomalies") if row["anomaly_type"] == "night_flow_rise"]
    assert len(leaks) == 2
    found = house.query(
        "select district_id, cast(min(starts_at) as varchar), min(starts_at) from marts.anomalies "
        "where anomaly_type = 'night_flow_rise' group by district_id"
    )
    for leak in leaks:
        ((_, _, night),) = [row for row in found if row[0] == leak["district_id"]]
        nights = house.query(
            f"select count(*) from marts.night_flow where district_id = '{leak['district_id']}' "
            f"and starts_at >= timestamp '{leak['starts_at']}' and starts_at <= timestamp '{night}'"
        )
        assert 1 <= nights[0][0] <= 2, (leak, night)


def test_the_trials_of_the_sample_world_say_what_the_detectors_do_in_it(house: House) -> None:
    """Else a detector has changed: `make bench ARGS="--parts detectors --keep-trials"` measures it anew."""
    seed = str(house.truth["size"]["seed"])
    with TRIALS.open(newline="", encoding="utf-8") as file:
        kept = {tuple(row.values()) for row in csv.DictReader(file) if row["world_seed"] == seed}
    assert len(kept) == 7
    assert kept == {
        (one.kind, seed, str(one.planted), str(one.found), str(one.told), str(one.right))
        for one in judged(house.query, house.world).scores
    }
