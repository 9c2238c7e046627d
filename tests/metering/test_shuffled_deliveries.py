"""Deliveries in any order and in any loads: what the marts say depends on the deliveries alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.metering.raw_meters import Load, Reading, create_raw, dbt, land, marts
from tests.metering.story import M1_FIXED, M1_FLEXIBLE, M2_LONG, METERPOINTS, PRODUCTS, half_hours


def deliveries() -> dict[str, list[Reading]]:
    """Twelve files without restatements: days around clock changes, a hole, a reading off the grid and its copy."""
    files = {f"m1-{day}.json": half_hours("m1", f"2021-03-{day} 00:00", 48, f"0.{day}") for day in range(26, 31)}
    files |= {f"m2-{day}.json": half_hours("m2", f"2021-10-{day} 00:00", 48, f"0.{day}") for day in range(28, 32)}
    files["m2-hole.json"] = half_hours("m2", "2021-10-27 00:00", 7, "1") + half_hours("m2", "2021-10-27 09:00", 9, "1")
    files["m3-off.json"] = [("m3", "2021-03-28 00:59:59", "0.75"), ("m3", "2021-03-28 00:59:59", "0.75")]
    files["m3-bad.json"] = [("m3", "2021-02-30 00:00:00", "1"), ("m3", "2021-03-29 00:00:00", "")]
    return files


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_incremental_builds_equal_one_build_of_everything(seed: int, tmp_path: Path) -> None:
    order = random.Random(seed)
    files = list(deliveries().items())
    order.shuffle(files)
    cuts = sorted(order.sample(range(1, len(files)), 2))
    loads = [dict(files[start:end]) for start, end in zip([0, *cuts], [*cuts, len(files)], strict=True)]

    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    dbt(warehouse, tmp_path, "seed", select="")
    reference = Load(agreements=[M1_FIXED, M1_FLEXIBLE, M2_LONG], products=PRODUCTS, meterpoints=METERPOINTS)
    land(warehouse, 1, reference)
    for number, readings in enumerate(loads, 2):
        land(warehouse, number, Load(readings=readings))
        dbt(warehouse, tmp_path, "run")
    told = marts(warehouse)
    dbt(warehouse, tmp_path, "run", "--full-refresh")
    assert marts(warehouse) == told

    # 5 x 48 readings of m1, 4 x 48 + 16 of m2, one of m3 off the grid; the copy and two bad ones are no readings.
    total = 48 * sum(range(26, 31)) * 10 + 48 * sum(range(28, 32)) * 10 + 16 * 1000 + 750
    assert warehouse.query(
        "select count(*), cast(sum(consumption_kwh) * 1000 as bigint) from marts.fct_meter_readings"
    ) == [(5 * 48 + 4 * 48 + 16 + 1, total)]


def test_overlapping_files_of_one_load_resolve_by_when_they_were_delivered(tmp_path: Path) -> None:
    """Names sort against the times. The second load restates what the first settled; increments equal one build."""
    instant, later = "2021-03-27 10:00:00", "2021-03-27 10:30:00"
    first = Load(
        readings={
            "a-correction.json": [("m1", instant, "2"), ("m1", later, "5")],
            "b-original.json": [("m1", instant, "1"), ("m1", later, "5")],
        },
        delivered_at={"a-correction.json": "2021-04-02T09:00:00.000001Z", "b-original.json": "2021-04-02T09:00:00Z"},
    )
    second = Load(
        readings={"c-same-time.json": [("m1", later, "6")], "d-same-time.json": [("m1", later, "7")]},
        # Delivered before the first two, but landed after them: the load decides.
        delivered_at=dict.fromkeys(("c-same-time.json", "d-same-time.json"), "2021-04-01T09:00:00Z"),
    )
    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    versions = "+int_meter_reading_supersessions"
    told = []
    for number, load in enumerate((first, second), 1):
        land(warehouse, number, load)
        dbt(warehouse, tmp_path, "run", select=versions)
        told.append(superseded(warehouse))
    assert told[0] == [("b-original.json", 1, 2), ("b-original.json", 5, 5)]
    dbt(warehouse, tmp_path, "run", "--full-refresh", select=versions)
    assert superseded(warehouse) == told[1] == [
        ("a-correction.json", 5, 7), ("b-original.json", 1, 2), ("b-original.json", 5, 7), ("c-same-time.json", 6, 7),
    ]  # fmt: skip

    # Two are contradicted in their own load: b's first half-hour and c. The others were restated by the second load.
    dbt(warehouse, tmp_path, "build", select=f"{versions} +conservation_reading_loads")
    named = "assert_few_readings_contradict_each_other"
    dbt(warehouse, tmp_path, "test", select=named, variables={"contradicting_rows_spared": "2"})
    with pytest.raises(AssertionError, match=named):
        dbt(warehouse, tmp_path, "test", select=named, variables={"contradicting_rows_spared": "1"})


def superseded(warehouse: TestWarehouse) -> list[tuple[Any, ...]]:
    """File, its quantity and the one that stands instead, of every superseded reading."""
    return warehouse.query(
        "select replace(_source_file, 'smart_meters/meter_readings/', ''), cast(consumption_kwh as integer), "
        "cast(kept_consumption_kwh as integer) from intermediate.int_meter_reading_supersessions "
        "where reason <> 'none' order by 1, 2"
    )
