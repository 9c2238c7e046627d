"""The water page on a whole house, on both engines: balances, nights, findings, gaps and quality as planted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from serving.dashboard.queries import water
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import captions, drawn, metrics, opened, reader, shown, truth, untitled

EVER = date(2021, 2, 15), date(2021, 4, 5)
ALL = {"water_days": ["2021-02-15", "2021-04-05"]}


@pytest.fixture(autouse=True)
def read_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(house, monkeypatch)


def _exact(house: House, zone: str) -> dict[str, dict[str, str]]:
    """Days on which the simulator's own counters say what went in and out of the zone."""
    return {
        row["local_date"]: row
        for row in truth(house, "water_balance")
        if row["district_id"] == zone and row["is_exact"] == "true"
    }


def test_a_zone_has_the_input_output_and_loss_that_were_planted(house: House) -> None:
    planted = _exact(house, "DIST_002")
    page = opened("water", water_zone="DIST_002 Quartucciu", **ALL)
    assert page.selectbox(key="water_zone").value == "DIST_002"
    rows = shown(page, "loss_m3")
    known = {f"{row.local_date:%Y-%m-%d}": row for row in rows.dropna(subset=["loss_m3"]).itertuples()}
    assert set(known) == set(planted)
    for day, row in planted.items():
        assert known[day].input_m3 == pytest.approx(float(row["input_m3"]), abs=0.001)
        assert known[day].output_m3 == pytest.approx(float(row["output_m3"]), abs=0.001)
        assert known[day].loss_m3 == pytest.approx(float(row["loss_m3"]), abs=0.001)
    loss = sum(Decimal(row["loss_m3"]) for row in planted.values())
    assert metrics(page)["Loss (m³)"] == f"{loss:,.0f}"
    assert metrics(page)["Days known (of days)"] == f"{len(planted)} of {len(rows)}"
    assert untitled(page) == []


def test_a_loss_that_is_not_known_is_neither_drawn_nor_added(house: House) -> None:
    page = opened("water", water_zone="DIST_001 Selargius", **ALL)
    lines = drawn(page, "kind", "m3")
    losses = lines[lines["kind"] == "loss"]
    planted = _exact(house, "DIST_001")
    known = losses.dropna(subset=["m3"])
    unknown = losses[losses["m3"].isna() & losses["unknown_reason"].notna()]
    assert len(unknown) > 0
    assert {f"{day:%Y-%m-%d}" for day in unknown["local_date"]}.isdisjoint(planted)
    assert f"{len(unknown)} of {len(known) + len(unknown)} windows have no loss that is known" in captions(page)
    for reason in unknown["unknown_reason"].unique():
        assert reason in captions(page)


def test_nights_are_drawn_where_they_are_known(house: House) -> None:
    planted = {
        (row["district_id"], row["local_date"]): row["is_complete"] == "true"
        for row in truth(house, "water_night_flow")
    }
    rows = drawn(opened("water", **ALL), "minimum_flow_lps", "day")
    found = {
        (row.district_id, f"{row.local_date:%Y-%m-%d}"): pd.notna(row.minimum_flow_lps) for row in rows.itertuples()
    }
    assert {key for key, is_known in found.items() if not is_known} == {key for key, ok in planted.items() if not ok}
    assert set(found) == set(planted)
    assert 0 < sum(not ok for ok in planted.values()) < len(planted)


def test_every_planted_fault_is_found_with_its_evidence(house: House) -> None:
    rows = shown(opened("water", **ALL), "evidence")
    assert Counter(rows["anomaly_type"]) == house.truth["water"]["anomalies"]
    for row in rows.itertuples():
        evidence = json.loads(row.evidence)
        assert evidence["table"] in ("computed_metrics", "fct_sensor_readings", "night_flow")
        assert row.detection_method
    order = list(rows["severity"])
    assert order == sorted(order, key=["critical", "warning", "info"].index)


def test_findings_can_be_chosen_by_kind_and_severity_in_a_link(house: House) -> None:
    page = opened("water", water_kinds=["gap", "no_flow"], water_severities=["critical"], **ALL)
    rows = shown(page, "evidence")
    assert set(rows["severity"]) == {"critical"}
    # Of the planted gaps one lasts longer than a day.
    lengths = [
        pd.Timestamp(row["ends_at"]) - pd.Timestamp(row["starts_at"])
        for row in truth(house, "water_anomalies")
        if row["anomaly_type"] == "gap"
    ]
    assert Counter(rows["anomaly_type"])["no_flow"] == house.truth["water"]["anomalies"]["no_flow"]
    assert Counter(rows["anomaly_type"])["gap"] == sum(length > pd.Timedelta(days=1) for length in lengths) > 0


def test_a_silent_sensor_is_a_gap_in_the_line(house: House) -> None:
    gap = next(row for row in truth(house, "water_anomalies") if row["note"] == "three hours")
    node = gap["node_id"]
    page = opened("water", water_nodes=[node], water_window="5 minutes", water_days=["2021-03-09", "2021-03-09"])
    rows = drawn(page, "anomaly_count", "avg_flow_lps")
    silent = rows[rows["avg_flow_lps"].isna()]
    # The node sends every 15 minutes: three hours are twelve readings, and two of three windows of 5 minutes no gap.
    assert list(silent["window_start"]) == [pd.Timestamp(gap["starts_at"], tz="UTC")]
    read = rows.dropna(subset=["avg_flow_lps"])
    assert len(read) == 96 - 12
    inside = (read["window_start"] >= pd.Timestamp(gap["starts_at"], tz="UTC")) & (
        read["window_start"] < pd.Timestamp(gap["ends_at"], tz="UTC")
    )
    assert not inside.any()


def test_each_node_day_has_the_readings_that_came_of_those_due(house: House) -> None:
    planted = {
        (row["node_id"], row["local_date"]): (int(row["readings"]), int(row["expected_readings"]))
        for row in truth(house, "water_daily")
    }
    rows = water.quality(*EVER, water.NETWORK).to_pylist()
    found = {
        (row["node_id"], f"{row['local_date']}"): (row["reading_count"], row["expected_reading_count"]) for row in rows
    }
    assert found == planted
    assert found["921101", "2021-03-28"][1] == 92  # 23 hours, every 15 minutes


def test_windows_of_days_hold_the_planted_volumes(house: House) -> None:
    planted = {
        (row["node_id"], row["local_date"]): float(row["volume_m3"])
        for row in truth(house, "water_daily")
        if row["is_exact"] == "true" and row["node_id"] in ("922201", "922202")
    }
    found = {
        (row["node_id"], f"{row['local_date']}"): row["volume_m3"]
        for row in water.windows(*EVER, "1day", ["922201", "922202"]).to_pylist()
    }
    assert len(planted) > 50
    for key, volume in planted.items():
        assert float(found[key]) == pytest.approx(volume, abs=0.001)


def test_short_windows_are_shown_for_few_days(house: House) -> None:
    page = opened("water", water_window="5 minutes", **ALL)
    rows = shown(page, "avg_flow_lps")
    assert sorted({f"{day:%Y-%m-%d}" for day in rows["local_date"]}) == ["2021-04-04", "2021-04-05"]
    assert "Only the last 2 local days chosen are shown by 5 minutes." in captions(page)
    assert "The first 7 of 20 nodes are shown" in captions(page)


def test_a_link_restores_the_filters() -> None:
    page = opened(
        "water", water_zone="DIST_003 Teatinos", water_nodes=["923302"], water_measure="Mean pressure (bar)",
        water_window="local day", water_balance_per="hour", water_days=["2021-03-01", "2021-03-07"],
    )  # fmt: skip
    assert page.selectbox(key="water_measure").value == "Mean pressure (bar)"
    assert page.selectbox(key="water_window").value == "1day"
    assert page.selectbox(key="water_balance_per").value == "1hour"
    assert list(shown(page, "avg_pressure_bar")["node_id"]) == ["923302"] * 7
    assert len(shown(page, "loss_m3")) == 7 * 24


def test_a_wrong_value_in_the_link_is_let_go() -> None:
    page = opened(
        "water", water_zone="DIST_999", water_nodes=["nobody"], water_measure="1; select 1", water_window="1year",
        water_days=["x"], water_kinds=["ghost"], water_severities="none", water_balance_per="minute",
    )  # fmt: skip
    assert page.selectbox(key="water_zone").value == water.NETWORK
    assert page.multiselect(key="water_nodes").value == []


def test_days_without_a_finding_say_so(house: House) -> None:
    clean = house.truth["water"]["clean_weeks"]
    first, last = clean["starts_at"][:10], clean["ends_at"][:10]
    page = opened("water", water_days=[first, last])
    assert "Nothing was found in these days for what is chosen." in [info.value for info in page.info]
