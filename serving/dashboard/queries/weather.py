"""Temperature, rain, snow and degree days per place and day, and how much of a day anybody observed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from serving.dashboard.reading import ask

POINTS = 10_000
DAYS = 14
"""Days of single observations at most."""


def places() -> pa.Table:
    """One row per place: its name in the latest answer and its first and last local day."""
    return ask(
        "with spans as (select place, min(local_date) as first_day, max(local_date) as last_day "
        "from fct_weather_daily group by place) "
        "select spans.place, d.city_name, spans.first_day, spans.last_day from spans inner join fct_weather_daily as d "
        "on d.place = spans.place and d.local_date = spans.last_day order by d.city_name, spans.place limit 1000"
    )


_CHOSEN = "local_date between $since and $until and place = any($places)"


def daily(since: date, until: date, places: Sequence[str]) -> pa.Table:
    """One row per place and local day with an observation."""
    return ask(
        "select local_date, place, city_name, temperature_min_celsius, temperature_mean_celsius, "
        "temperature_max_celsius, rain_total_mm, snow_total_mm, rain_covered_hours, snow_covered_hours, "
        "heating_degree_days, cooling_degree_days, humidity_mean_pct, wind_speed_mean_mps, wind_gust_max_mps, "
        "observation_count, covered_hours, coverage_share_ratio from fct_weather_daily "
        f"where {_CHOSEN} order by local_date desc, city_name, place limit {POINTS + 1}",
        since=since,
        until=until,
        places=list(places),
    )


def totals(since: date, until: date, places: Sequence[str]) -> pa.Table:
    """One row per place: days observed, days of which each sum knows, degree days (K d), rain and snow (mm)."""
    return ask(
        "select place, max(degree_day_base_celsius) as degree_day_base_celsius, count(*) as days, "
        "count(case when coverage_share_ratio < 1 then 1 end) as partly_covered_days, "
        "count(heating_degree_days) as degree_days_known, sum(heating_degree_days) as heating_degree_days, "
        "sum(cooling_degree_days) as cooling_degree_days, count(rain_total_mm) as rain_days_known, "
        "sum(rain_total_mm) as rain_total_mm, count(snow_total_mm) as snow_days_known, "
        f"sum(snow_total_mm) as snow_total_mm from fct_weather_daily where {_CHOSEN} group by place order by place",
        since=since,
        until=until,
        places=list(places),
    )


def observations(since: date, until: date, place: str) -> pa.Table:
    """One row per observation of a place in a few local days, in time."""
    return ask(
        "select observed_at, observed_at_local, temperature_celsius, feels_like_celsius, humidity_pct, pressure_hpa, "
        "wind_speed_mps, wind_gust_mps, rain_1h_mm, rain_3h_mm, snow_1h_mm, snow_3h_mm, cloudiness_pct, "
        "weather_description from fct_weather_observations where local_date between $since and $until "
        f"and place = $place order by observed_at limit {POINTS + 1}",
        since=since,
        until=until,
        place=place,
    )


def without_day() -> pa.Table:
    """One row: observations that no local day can be told of; they are in no day's figures."""
    return ask("select count(*) as observations from fct_weather_observations where local_date is null")
