"""dbt over the story's deliveries, load by load, on both engines: every number was worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.postgres_server import fresh_database
from tests.water.raw_water import create_raw, dbt, land, marts
from tests.water.story import LOADS

Rows = list[tuple[Any, ...]]


@dataclass
class Told:
    """One engine's warehouse after the whole story, and what was kept on the way."""

    warehouse: TestWarehouse
    folder: Path
    after_load: list[dict[str, Rows]]
    """All marts after each load, every build but the first an incremental one."""
    earlier: Rows
    """Nodes with readings and unmapped columns before the second node list."""

    def ask(self, sql: str) -> Rows:
        return self.warehouse.query(sql)


READ = "select node_id, count(*) from marts.fct_sensor_readings group by node_id order by node_id"
TOLD: dict[str, Told] = {}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp(request.param)
    with fresh_database(postgres_session) as settings:
        duckdb = request.param == "duckdb"
        TOLD[request.param] = tell(duckdb_warehouse(folder) if duckdb else postgres_warehouse(folder, settings), folder)
        yield TOLD[request.param]


def tell(warehouse: TestWarehouse, folder: Path) -> Told:
    create_raw(warehouse)
    story = Told(warehouse, folder, [], [])
    for number, load in enumerate(LOADS, 1):
        land(warehouse, number, load)
        dbt(warehouse, folder, "run")
        story.after_load.append(marts(warehouse))
        if number == 2:
            story.earlier = warehouse.query(READ)
    return story


def m3(value: str) -> Decimal:
    return Decimal(value)


def test_a_day_of_23_hours_has_46_half_hours_and_all_of_its_water(told: Told) -> None:
    assert told.ask(
        "select cast(window_start as varchar), cast(window_end as varchar), reading_count, expected_reading_count, "
        "volume_m3, covered_s, completeness_pct from marts.computed_metrics "
        "where node_id = 'in1' and time_window = '1day' and local_date = '2021-03-28'"
    ) == [("2021-03-27 23:00:00", "2021-03-28 22:00:00", 46, 46, m3("828"), 23 * 3600, Decimal(100))]


def test_a_day_of_25_hours_keeps_both_occurrences_of_its_repeated_hour(told: Told) -> None:
    assert told.ask(
        "select cast(window_start as varchar), cast(window_end as varchar), reading_count, expected_reading_count, "
        "volume_m3, covered_s, completeness_pct from marts.computed_metrics "
        "where node_id = 'log1' and time_window = '1day' and local_date = '2021-10-31'"
    ) == [("2021-10-30 22:00:00", "2021-10-31 23:00:00", 50, 50, m3("90"), 25 * 3600, Decimal(100))]
    # Summer time first. The stamp with an offset speaks for itself: 02:00 UTC.
    assert told.ask(
        "select cast(read_at as varchar), cast(flow_lps as integer) from marts.fct_sensor_readings "
        "where node_id = 'in1' and flow_lps >= 30 order by read_at"
    ) == [("2021-10-31 00:00:00", 30), ("2021-10-31 01:00:00", 31), ("2021-10-31 02:00:00", 32)]


def test_a_zone_is_balanced_where_all_meters_are_known_and_nowhere_else(told: Told) -> None:
    # Out of zone A go 46 x 9 m3. On 29 March out1's counter was reset; out3 of zone C was never read.
    found = told.ask(
        "select district_id, cast(local_date as varchar), unknown_reason, unknown_meters, input_m3, output_m3, "
        "loss_m3, efficiency_pct from marts.network_efficiency where time_window = '1day' "
        "and local_date < '2021-04-01' and district_id in ('A', 'C', 'network') order by 1, 2"
    )
    assert found == [
        ("A", "2021-03-28", None, None, m3("828"), m3("414"), m3("414"), Decimal(50)),
        ("A", "2021-03-29", "totaliser_reset", "in1 out1", None, None, None, None),
        ("C", "2021-03-28", "missing_meter", "in3 out3", None, None, None, None),
        ("C", "2021-03-29", "missing_meter", "in3 out3", None, None, None, None),
        ("network", "2021-03-28", "missing_meter", "in3 log1 out3", None, None, None, None),
        ("network", "2021-03-29", "missing_meter", "in1 in3 log1 out1 out3", None, None, None, None),
    ]


def test_a_reset_adds_no_water_and_is_counted(told: Told) -> None:
    # From 914 at local midnight to 0, then 9 m3 in half an hour.
    assert told.ask(
        "select reset_count, volume_m3, reset_m3, covered_s from marts.computed_metrics "
        "where node_id = 'out1' and time_window = '1day' and local_date = '2021-03-29'"
    ) == [(1, m3("9"), m3("-914"), 1800)]


def test_water_across_an_hours_boundary_is_divided_by_time(told: Told) -> None:
    # 3 m3 in each half-hour: of the second 20 minutes lie before ten o'clock.
    assert told.ask(
        "select cast(window_start as varchar), volume_m3, covered_s, reading_count from marts.computed_metrics "
        "where node_id = 'off30' and time_window = '1hour' order by window_start"
    ) == [("2021-03-28 09:00:00", m3("5"), 3000, 2), ("2021-03-28 10:00:00", m3("1"), 600, 1)]


def test_columns_of_a_logger_wait_for_their_node_and_stay_named(told: Told) -> None:
    assert told.earlier == [("in1", 47), ("in3", 3), ("off30", 3), ("out1", 49)]
    # 01:30 and 03:00 are neighbours on that day; 02:30 never was. The value x is no number.
    assert told.ask(
        "select node_id, cast(read_at as varchar), flow_lps from marts.fct_sensor_readings "
        "where node_id in ('wide', 'wider') order by 1, 2"
    ) == [
        ("wide", "2021-03-28 00:30:00", Decimal("1.5")), ("wide", "2021-03-28 01:00:00", Decimal("1.7")),
        ("wider", "2021-03-28 00:30:00", Decimal("7.25")), ("wider", "2021-03-28 01:00:00", Decimal("7.5")),
    ]  # fmt: skip
    assert told.ask(
        "select channel, unmapped_reason, cell_count, value_count from intermediate.int_sensor_channels "
        "where unmapped_reason is not null order by 1"
    ) == [("ALTA QUOTA", "unknown_unit", 3, 3), ("BASSA PORTATA", "unknown_node", 3, 2)]


def test_superseded_readings_are_named_with_what_replaced_them(told: Told) -> None:
    assert told.ask(
        "select cast(read_at as varchar), reason, cast(flow_lps as integer), cast(kept_flow_lps as integer), "
        "_source_file from intermediate.int_sensor_reading_supersessions where reason <> 'none' order by 1"
    ) == [
        ("2021-03-27 23:00:00", "restated", 10, 12, "a.csv"),
        ("2021-03-27 23:30:00", "duplicate", 10, 10, "a.csv"),
    ]


def test_every_row_value_and_cubic_metre_is_accounted_for(told: Told) -> None:
    # Table rows: 94 + 3 + 3, 7, 3; three of load 2 cannot be used. Cells: 12 and 102; two of 02:30 never were, six have
    # no node or no unit. Counters: in1 46 x 18, out1 9 - 500, in3 3.6, off30 6, log1 90; 914 of out1 were reset.
    found = {
        (hop, measure): amounts
        for hop, measure, *amounts in told.ask(
            "select hop, measure, amount_in, kept, superseded, rejected, unmapped "
            "from intermediate.conservation_abbanoa"
        )
    }
    assert found[("raw sensor_readings to versions", "rows")] == [110, 107, 0, 3, 0]
    assert found[("raw sensor_logs to versions", "rows")] == [114, 106, 0, 2, 6]
    assert found[("raw sensor_logs to versions", "values")] == [112, 106, 0, 1, 5]
    # A logger's row holds several values: 51 of log1, 2 of wide, 2 of wider.
    assert found[("versions to fct_sensor_readings", "rows")] == [107 + 55, 160, 2, 0, 0]
    assert found[("fct_sensor_readings to computed_metrics 1day", "m3")] == [
        Decimal("436.6"), Decimal("1350.6"), 0, -914, 0,
    ]  # fmt: skip
    assert found[("fct_sensor_readings to data_quality_daily", "rows")] == [160, 160, 0, 0, 0]
    assert [key for key, (came, *became) in found.items() if came != sum(became)] == []


def test_a_node_is_expected_as_often_as_the_list_of_the_day_says(told: Told) -> None:
    assert told.ask(
        "select cast(local_date as varchar), expected_reading_count, reading_count, rejected_count, duplicate_count, "
        "restated_count from marts.data_quality_daily where node_id = 'in1' "
        "and local_date in ('2021-03-28', '2021-03-30', '2021-03-31', '2021-04-01', '2021-10-31') order by 1"
    ) == [
        ("2021-03-28", 46, 46, 0, 1, 1), ("2021-03-30", 48, 0, 1, 0, 0), ("2021-03-31", 48, 0, 0, 0, 0),
        ("2021-04-01", 96, 0, 0, 0, 0), ("2021-10-31", 100, 3, 0, 0, 0),
    ]  # fmt: skip


def test_incremental_builds_end_where_one_build_from_scratch_does(told: Told) -> None:
    dbt(told.warehouse, told.folder, "run", "--full-refresh")
    assert marts(told.warehouse) == told.after_load[-1]


def test_a_query_of_a_day_reads_one_partition(told: Told) -> None:
    """After a full refresh beside the old table, and after increments that met new months."""
    if told.warehouse.engine == "duckdb":
        return
    for table, column in (("fct_sensor_readings", "read_at"), ("computed_metrics", "window_start")):
        plan = told.ask(
            f"explain select * from marts.{table} where {column} >= '2021-10-31' and {column} < '2021-11-01'"
        )
        read = {word for (line,) in plan for word in line.split() if "_2021" in word and not word.endswith("_idx")}
        assert len(read) == 1, plan
        assert "_202110_" in read.pop()
    months = told.ask(
        "select substring(child.relname from '_([0-9]{6})_'), count(*) from pg_inherits "
        "inner join pg_class as child on child.oid = inhrelid where inhparent = 'marts.fct_sensor_readings'::regclass "
        "group by 1 order by 1"
    )
    assert months == [("202103", 1), ("202110", 1)]


def test_the_engine_says_row_by_row_what_duckdb_says(told: Told, tmp_path: Path) -> None:
    expected = (TOLD.get("duckdb") or tell(duckdb_warehouse(tmp_path), tmp_path)).after_load
    for said, should_say in zip(told.after_load, expected, strict=True):
        for table, rows in should_say.items():
            assert said[table] == rows, table
