"""Deliveries that change what earlier ones were taken to say, each built as it comes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.conftest import duckdb_warehouse
from tests.water.raw_water import Load, Row, create_raw, dbt, land, marts, node
from tests.water.story import half_hours

LIST = [node("n1", "meter", "A", 30), node("n2", "meter", "A", 30)]
HOURS = (
    "select {} from marts.computed_metrics where time_window = '1hour' and node_id = '{}' and local_date = '2021-03-12'"
)


def flow_alone(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "volume"} for row in rows]


LOADS = [
    Load(
        sensor_nodes={"nodes_20210301.csv": LIST},
        sensor_readings={
            # The counter is silent for a day: from 1036 to 1300 in two days.
            "10.csv": half_hours("n1", "2021-03-10 00:00:00", 2, "10", "1000"),
            "11.csv": flow_alone(half_hours("n1", "2021-03-11 00:00:00", 2, "10", "0")),
            "12.csv": half_hours("n1", "2021-03-12 00:00:00", 2, "10", "1300"),
            "n2.csv": half_hours("n2", "2021-03-12 10:00:00", 1, "10", "1000"),
        },
    ),
    # The counter of the first day was 100 m3 further; a list has it that n2 reads every quarter of an hour.
    Load(
        sensor_nodes={"nodes_20210310.csv": [LIST[0], node("n2", "meter", "A", 15)]},
        sensor_readings={"10-again.csv": half_hours("n1", "2021-03-10 00:00:00", 2, "10", "1100")},
    ),
    # A list for the same day takes that back.
    Load(sensor_nodes={"nodes_20210310_corrected.csv": LIST}),
]


def test_what_a_later_delivery_corrects_is_right_without_a_full_refresh(tmp_path: Path) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    unassigned, expected = [], []
    for number, load in enumerate(LOADS, 1):
        land(warehouse, number, load)
        dbt(warehouse, tmp_path, "run")
        unassigned += warehouse.query(HOURS.format("sum(unassigned_m3)", "n1"))
        expected += warehouse.query(HOURS.format("max(expected_reading_count)", "n2"))
    # Past the day without a counter: the step ends on the day after it, and its beginning was restated.
    assert unassigned == [(Decimal(264),), (Decimal(164),), (Decimal(164),)]
    assert expected == [(2,), (4,), (2,)]
    told = marts(warehouse)
    dbt(warehouse, tmp_path, "run", "--full-refresh")
    assert marts(warehouse) == told
