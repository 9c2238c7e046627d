"""Readings that a sensor cannot have made, and nodes of which no list says how often they read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.water.raw_water import Load, Row, create_raw, dbt, export, land, node, reading


def night(node_id: str, day: str, spike: str) -> list[Row]:
    """Half-hours from 02:00 to 05:00 local time in winter; the reading of 03:30 is `spike`."""
    times = ("01:00", "01:30", "02:00", "02:30", "03:00", "03:30")
    return [
        reading(node_id, f"{day} {time}:00 UTC", flow_rate=spike if time == "02:30" else "4") for time in times
    ]  # fmt: skip


STAYING = [node(name, kind, "A", 30) for name, kind in (("in1", "input"), ("out1", "output"), ("quiet", "monitoring"))]
LOAD = Load(
    sensor_nodes={
        "nodes_20210301.csv": [*STAYING, node("gone", "monitoring", "A", 30), node("moved", "monitoring", "A", 30)],
        "nodes_20210304.csv": STAYING,
    },
    sensor_readings={
        "in1.csv": [*night("in1", "2021-03-10", "4"), *night("in1", "2021-03-11", "-999")],
        "out1.csv": [*night("out1", "2021-03-10", "2000"), *night("out1", "2021-03-11", "4")],
        **{
            f"{name}.csv": [reading(name, f"2021-03-{day} 11:30:00 UTC", flow_rate="1")]
            for name, day in (("quiet", "01"), ("gone", "01"), ("moved", "03"))
        },
        "clock.csv": [reading("in1", "2999-01-01 00:00:00 UTC", flow_rate="4")],
        "hourly.csv": [reading("nobody", f"2021-03-10 0{hour}:00:00 UTC", flow_rate="1") for hour in range(1, 5)],
    },
    sensor_logs={
        "logger.csv": export([("TOT_T", "M3")], [("01/01/2999", "00:00:00", "1,5")], node_id="quiet"),
    },
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TestWarehouse:
    folder: Path = tmp_path_factory.mktemp("built")
    warehouse = duckdb_warehouse(folder)
    create_raw(warehouse)
    land(warehouse, 1, LOAD)
    dbt(warehouse, folder, "run")
    return warehouse


def test_a_flow_that_no_sensor_can_measure_is_no_minimum_of_a_night(built: TestWarehouse) -> None:
    assert built.query(
        "select cast(local_date as varchar), minimum_flow_lps, unknown_reason from marts.night_flow order by local_date"
    ) == [("2021-03-10", Decimal(4), None), ("2021-03-11", None, "incomplete_input")]


def test_a_flow_that_no_sensor_can_measure_is_no_volume_of_a_zone(built: TestWarehouse) -> None:
    # 4 L/s for an hour are 14.4 m3; in 02:00 UTC of the first day the output, of the second the input is not known.
    assert built.query(
        "select cast(window_start as varchar), input_m3, output_m3, unknown_reason, unknown_meters "
        "from marts.network_efficiency where scope = 'zone' and time_window = '1hour' "
        "and extract(hour from window_start) in (2, 3) order by window_start"
    ) == [
        ("2021-03-10 02:00:00", Decimal("14.4"), None, "incomplete_meter", "out1"),
        ("2021-03-10 03:00:00", Decimal("14.4"), Decimal("14.4"), None, None),
        ("2021-03-11 02:00:00", None, Decimal("14.4"), "incomplete_meter", "in1"),
        ("2021-03-11 03:00:00", Decimal("14.4"), Decimal("14.4"), None, None),
    ]


def test_a_node_of_unknown_interval_has_no_gap_after_each_of_its_readings(built: TestWarehouse) -> None:
    assert built.query("select starts_at from marts.anomalies where anomaly_type = 'gap' and node_id = 'nobody'") == []


def test_a_node_that_left_the_lists_owes_no_reading_from_that_day_on(built: TestWarehouse) -> None:
    """Two days of silence are a gap. The last reading of all ends on 11 March at 04:00; 4 March begins at 23:00 UTC."""
    assert built.query(
        "select node_id, cast(starts_at as varchar), cast(ends_at as varchar) from marts.anomalies "
        "where anomaly_type = 'gap' and node_id in ('quiet', 'gone', 'moved') order by node_id"
    ) == [
        ("gone", "2021-03-01 12:00:00", "2021-03-03 23:00:00"),
        ("quiet", "2021-03-01 12:00:00", "2021-03-11 04:00:00"),
    ]


def test_a_stamp_far_beyond_its_landing_is_refused_and_stretches_nothing(built: TestWarehouse) -> None:
    assert built.query(
        "select node_id, rejected_reason from intermediate.int_sensor_reading_versions "
        "where rejected_reason is not null order by node_id"
    ) == [("in1", "in_the_future"), ("quiet", "in_the_future")]
    assert built.query("select cast(max(local_date) as varchar) from marts.data_quality_daily") == [("2021-03-11",)]
    hops = built.query(
        "select hop, rejected, amount_in - kept - superseded - rejected - unmapped "
        "from intermediate.conservation_abbanoa"
    )
    assert [hop for hop in hops if hop[2] != 0] == []
    assert sum(rejected for _, rejected, _ in hops) >= 2
