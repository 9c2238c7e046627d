"""The weather and gas marts say what the simulator answered, observation by observation and posting by posting."""

from __future__ import annotations

from decimal import Decimal

from tests.end_to_end.conftest import House
from tests.end_to_end.test_truth import same, truth_rows

DAILY = (
    "temperature_mean_celsius", "temperature_min_celsius", "temperature_max_celsius", "humidity_mean_pct",
    "pressure_mean_hpa", "wind_speed_mean_mps", "rain_total_mm", "snow_total_mm",
)  # fmt: skip
OBSERVED = (
    "temperature_celsius", "feels_like_celsius", "humidity_pct", "pressure_hpa", "wind_speed_mps", "wind_gust_mps",
    "wind_direction_deg", "visibility_m", "rain_1h_mm", "rain_3h_mm", "snow_1h_mm", "snow_3h_mm", "cloudiness_pct",
)  # fmt: skip


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def test_every_observation_of_every_place(house: House) -> None:
    same(
        house.query(
            "select place, cast(observed_at as varchar), cast(local_date as varchar), weather_main, "
            f"weather_item_count, country_code, {', '.join(OBSERVED)} from marts.fct_weather_observations"
        ),
        (
            (
                row["place"], row["observed_at"], row["local_date"], row["weather_main"], int(row["weather_count"]),
                row["country_code"], *(number(row[name]) for name in OBSERVED),
            )
            for row in truth_rows(house, "weather_observations")
        ),
    )  # fmt: skip


def test_local_days_of_places(house: House) -> None:
    same(
        house.query(
            f"select place, cast(local_date as varchar), observation_count, {', '.join(DAILY)} "
            "from marts.fct_weather_daily where observation_count > 0"
        ),
        (
            (row["place"], row["local_date"], int(row["observation_count"]), *(number(row[name]) for name in DAILY))
            for row in truth_rows(house, "weather_daily")
        ),
    )
