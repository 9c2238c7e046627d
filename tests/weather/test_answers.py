"""dbt over hand-written answers on both engines: every number was worked out by hand."""

# ruff: noqa: DTZ001 -- instants in the warehouse are UTC and bear no zone
from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TestWarehouse, duckdb_warehouse, postgres_warehouse
from tests.metering.raw_meters import create_raw, dbt
from tests.postgres_server import fresh_database
from tests.raw_rows import land
from tests.weather.answers import AGAIN, FIRST

Rows = list[tuple[Any, ...]]
BASE = "15.5"


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[TestWarehouse]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with fresh_database(postgres_session) as settings:
        duckdb = request.param == "duckdb"
        warehouse = duckdb_warehouse(folder) if duckdb else postgres_warehouse(folder, settings)
        create_raw(warehouse)
        land(warehouse, 1, "openweather", "weather_observations", FIRST)
        land(warehouse, 2, "openweather", "weather_observations", AGAIN)
        dbt(
            warehouse, folder, "build", "--indirect-selection", "cautious",
            variables={"degree_day_base_celsius": BASE},
            select="+path:models/marts/weather +conservation_openweather",
        )  # fmt: skip
        yield warehouse


def numbers(*values: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if value is None else Decimal(value) for value in values)


def test_units_become_metric_exactly_and_by_what_was_asked(built: TestWarehouse) -> None:
    found = built.query(
        "select place, temperature_celsius, feels_like_celsius, wind_speed_mps, wind_gust_mps, wind_direction_deg, "
        "visibility_m, rain_1h_mm from marts.fct_weather_observations "
        "where place = '41.88:-87.63' or observed_at = '2021-03-28 01:30:00' order by place"
    )
    # 68 °F, -40 °F; 10 and 12.5 mph; 285.65 K. Millimetres are millimetres in every system.
    assert found == [
        ("41.88:-87.63", *numbers("20", "-40", "4.4704", "5.588", "247.5", "10000", "0.3")),
        ("cagliari", *numbers("12.5", None, "2", None, None, None, None)),
    ]


def test_the_first_condition_is_the_main_one_and_none_is_lost(built: TestWarehouse) -> None:
    found = built.query(
        "select weather_id, weather_main, weather_description, weather_icon, weather_mains, weather_ids, "
        "weather_item_count from marts.fct_weather_observations where observed_at = '2021-03-21 02:00:00'"
    )
    assert found == [
        (211, "Thunderstorm", "thunderstorm", "11d", "Thunderstorm, Rain, Mist", "211, 501, 701", 3),
    ]  # fmt: skip
    broken = "select weather_main, weather_item_count, temperature_celsius from marts.fct_weather_observations "
    assert built.query(broken + "where place = 'nowhere' and observed_at = '2021-03-20 11:00:00'") == [
        (None, None, None)
    ]


def test_local_days_follow_the_offset_in_the_answer(built: TestWarehouse) -> None:
    found = built.query(
        "select observed_at, observed_at_local, local_date from marts.fct_weather_observations "
        "where place in ('sydney', '41.88:-87.63') or (place = 'nowhere' and local_date is null) order by 1, 3"
    )
    assert found == [
        (datetime(2021, 3, 20, 6), datetime(2021, 3, 20, 1), date(2021, 3, 20)),
        (datetime(2021, 3, 20, 10), None, None),
        (datetime(2021, 3, 20, 12, 55), datetime(2021, 3, 20, 23, 55), date(2021, 3, 20)),
        (datetime(2021, 3, 20, 13, 5), datetime(2021, 3, 21, 0, 5), date(2021, 3, 21)),
        (datetime(2021, 3, 20, 16), datetime(2021, 3, 21, 3), date(2021, 3, 21)),
        (datetime(2021, 3, 21, 2), datetime(2021, 3, 21, 13), date(2021, 3, 21)),
    ]


def test_days_are_summed_up_with_their_coverage(built: TestWarehouse) -> None:
    found = built.query(
        "select place, local_date, observation_count, temperature_mean_celsius, temperature_min_celsius, "
        "temperature_max_celsius, humidity_mean_pct, pressure_mean_hpa, wind_gust_max_mps, heating_degree_days, "
        "cooling_degree_days, coverage_share_ratio from marts.fct_weather_daily "
        "where place <> 'oslo' order by place, local_date"
    )
    assert found == [
        (
            "41.88:-87.63", date(2021, 3, 20), 1,
            *numbers("20", "20", "20", "50", "1000", "5.588", "0", "4.5", "0.041667"),
        ),
        # 10, 12.5 and 27 °C; 70.5 and 60.5 %; three of 23 hours.
        (
            "cagliari", date(2021, 3, 28), 3,
            *numbers("16.5", "10", "27", "65.5", "1000", None, "0", "1", "0.130435"),
        ),
        # No temperature: neither heated nor cooled, but unknown. The observation without an offset has no day.
        ("nowhere", date(2021, 3, 20), 1, *numbers(None, None, None, "50", "1000", None, None, None, "0.041667")),
        ("sydney", date(2021, 3, 20), 1, *numbers("20.5", "20.5", "20.5", "50", "1000", "9.75", "0", "5", "0.041667")),
        # (19.25 + 18 + 25) / 3 and (1000 + 1000 + 1001.5) / 3; the version asked for last stands.
        (
            "sydney", date(2021, 3, 21), 3,
            *numbers("20.75", "18", "25", "50", "1000.5", None, "0", "5.25", "0.125"),
        ),
    ]  # fmt: skip


def test_rain_and_snow_count_each_hour_once_and_what_nobody_saw_not_at_all(built: TestWarehouse) -> None:
    found = built.query(
        "select place, local_date, rain_total_mm, rain_covered_hours, snow_total_mm, snow_covered_hours "
        "from marts.fct_weather_daily where place in ('oslo', 'sydney') order by place, local_date"
    )
    assert found == [
        # 0 (1 h) + 0.6 * 20 / 60 + 2.7 (3 h) + 0.4 (1 h); of snow 1 h, 20 min, 1 h, 1 h.
        ("oslo", date(2021, 1, 10), *numbers("3.3", "5.3333", "0", "3.3333")),
        # Unknown at 10:00: the hour before 10:30 counts whole. Of snow 1 h and 30 min.
        ("oslo", date(2021, 1, 11), *numbers("0.8", "1", "0", "1.5")),
        ("oslo", date(2021, 1, 12), *numbers(None, "0", "0", "2")),
        ("oslo", date(2021, 1, 13), *numbers("0", "1", None, "0")),
        # 0.25 in one hour, then 0.9 in three, of which one is new: 0.3.
        ("oslo", date(2021, 1, 14), *numbers("0", "2", "0.55", "2")),
        ("sydney", date(2021, 3, 20), *numbers("1.2", "1", "0", "1")),
        # Ten minutes of the hour that the day before has told of, 1.2 * 10 / 60; dry; 3.
        ("sydney", date(2021, 3, 21), *numbers("3.2", "2.1667", "0", "2.1667")),
    ]


def test_every_answer_is_accounted_for(built: TestWarehouse) -> None:
    found = built.query(
        "select hop, amount_in, kept, superseded, rejected, unmapped from intermediate.conservation_openweather"
    )
    # 4 + 1 + 3 + 11 + 3 answers, then 2 versions of one; one without an instant, one without a local day.
    assert sorted(found) == [
        ("fct_weather_observations to fct_weather_daily", 21, 20, 0, 0, 1),
        ("latest versions to fct_weather_observations", 21, 21, 0, 0, 0),
        ("raw weather_observations to latest versions", 24, 21, 2, 1, 0),
    ]
