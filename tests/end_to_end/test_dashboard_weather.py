"""The weather page on a whole house, on both engines: days of places, rain that is not known, degree days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from serving.dashboard.queries import weather
from tests.end_to_end.conftest import House
from tests.end_to_end.dashboard_pages import captions, drawn, opened, reader, shown, truth, untitled

EVER = date(2021, 1, 1), date(2021, 12, 31)
ALL = {"weather_days": ["2021-02-20", "2021-04-07"]}
# Var degree_day_base_celsius of dbt_project.yml.
BASE = 18.0


@pytest.fixture(autouse=True)
def read_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from reader(house, monkeypatch)


def _places(house: House) -> list[str]:
    return list(house.truth["openweather"]["places"])


def test_every_planted_day_of_a_place_is_shown(house: House) -> None:
    page = opened("weather", **ALL)
    rows = shown(page, "coverage_share_ratio")
    assert len(rows) == house.truth["openweather"]["place_days"]
    assert set(rows["city_name"]) == set(house.truth["openweather"]["places"].values())
    planted = {(row["place"], row["local_date"]): row for row in truth(house, "weather_daily")}
    for row in rows.itertuples():
        day = planted[row.place, f"{row.local_date:%Y-%m-%d}"]
        assert row.temperature_min_celsius == pytest.approx(float(day["temperature_min_celsius"]))
        assert row.temperature_mean_celsius == pytest.approx(float(day["temperature_mean_celsius"]), abs=1e-5)
        assert row.temperature_max_celsius == pytest.approx(float(day["temperature_max_celsius"]))
        assert row.observation_count == int(day["observation_count"])
    assert untitled(page) == []


def test_rain_that_is_not_known_is_not_drawn_as_none(house: House) -> None:
    planted = truth(house, "weather_daily")
    rows = shown(opened("weather", **ALL), "coverage_share_ratio")
    unknown = sum(row["rain_total_mm"] == "" for row in planted)
    none = sum(row["rain_total_mm"] != "" and float(row["rain_total_mm"]) == 0 for row in planted)
    assert [rows["rain_total_mm"].isna().sum(), (rows["rain_total_mm"] == 0).sum()] == [unknown, none]
    assert unknown > 0 and none > 0
    page = opened("weather", **ALL)
    bars = drawn(page, "kind", "mm")
    rain = bars[bars["kind"] == "rain"]
    assert rain["mm"].isna().sum() == unknown
    assert f"{unknown:,} do not know of rain" in captions(page)
    assert rain["mm"].sum() == pytest.approx(sum(float(row["rain_total_mm"] or 0) for row in planted), abs=1e-4)


def test_degree_days_add_up_over_the_days_chosen(house: House) -> None:
    heating: dict[str, float] = defaultdict(float)
    cooling: dict[str, float] = defaultdict(float)
    for row in truth(house, "weather_daily"):
        mean = float(row["temperature_mean_celsius"])
        heating[row["place"]] += max(0.0, BASE - mean)
        cooling[row["place"]] += max(0.0, mean - BASE)
    found = {row["place"]: row for row in weather.totals(*EVER, _places(house)).to_pylist()}
    assert set(found) == set(heating)
    for place, row in found.items():
        assert float(row["heating_degree_days"]) == pytest.approx(heating[place], abs=0.001)
        assert float(row["cooling_degree_days"]) == pytest.approx(cooling[place], abs=0.001)


def test_days_that_were_covered_partly_are_marked(house: House) -> None:
    # No place is asked more often than every three hours: no day of the world is observed in every hour.
    days = house.truth["openweather"]["place_days"]
    page = opened("weather", **ALL)
    marked = drawn(page, "covered").dropna(subset=["observation_count"])
    assert list(marked["covered"].unique()) == ["observed in some hours"]
    assert f"{days} of {days} days are covered partly" in captions(page)


def test_a_day_without_observation_is_a_gap(house: House) -> None:
    # Winnipeg's first day is two after Sydney's.
    first = {
        place: min(row["local_date"] for row in truth(house, "weather_daily") if row["place"] == place)
        for place in _places(house)
    }
    rows = drawn(opened("weather", **ALL), "temperature_mean_celsius", "day")
    winnipeg = rows[(rows["name"] == "Winnipeg") & rows["temperature_mean_celsius"].isna()]
    before = pd.date_range(min(first.values()), pd.Timestamp(first["6183235"]) - pd.Timedelta(days=1))
    planted = {row["local_date"] for row in truth(house, "weather_daily") if row["place"] == "6183235"}
    after = [day for day in pd.date_range(first["6183235"], "2021-04-07") if f"{day:%Y-%m-%d}" not in planted]
    assert len(before) == 2
    assert [f"{day:%Y-%m-%d}" for day in winnipeg["local_date"]] == [f"{day:%Y-%m-%d}" for day in [*before, *after]]


def test_single_observations_of_a_place_are_all_there(house: House) -> None:
    planted = [
        row
        for row in truth(house, "weather_observations")
        if row["place"] == "6183235" and "2021-03-01" <= row["local_date"] <= "2021-03-14"
    ]
    page = opened("weather", weather_observed="6183235", weather_observed_until="2021-03-14", **ALL)
    rows = shown(page, "feels_like_celsius")
    # A selectbox is named in the address by the words of its option.
    assert len(planted) > 10
    if page.selectbox(key="weather_observed").value != "6183235":
        page = opened("weather", weather_observed="Winnipeg", weather_observed_until="2021-03-14", **ALL)
        rows = shown(page, "feels_like_celsius")
    assert list(rows["temperature_celsius"]) == [
        pytest.approx(float(row["temperature_celsius"])) for row in sorted(planted, key=lambda row: row["observed_at"])
    ]


def test_a_link_restores_the_filters(house: House) -> None:
    page = opened("weather", weather_places=["London", "Perth"], weather_days=["2021-03-01", "2021-03-07"])
    assert sorted(page.multiselect(key="weather_places").value) == ["2063523", "2643743"]
    rows = shown(page, "coverage_share_ratio")
    assert {(row.place, f"{row.local_date:%Y-%m-%d}") for row in rows.itertuples()} == {
        (row["place"], row["local_date"])
        for row in truth(house, "weather_daily")
        if row["place"] in ("2063523", "2643743") and "2021-03-01" <= row["local_date"] <= "2021-03-07"
    }


def test_a_wrong_value_in_the_link_is_let_go() -> None:
    page = opened(
        "weather", weather_places="Atlantis", weather_days=["never", "2021-03-07"], weather_observed="x",
        weather_observed_until="1066-10-14",
    )  # fmt: skip
    assert page.multiselect(key="weather_places").value == []


def test_places_without_a_day_chosen_say_so() -> None:
    page = opened("weather", weather_places=["Winnipeg"], weather_days=["2021-02-20", "2021-02-20"])
    assert "No observation from 2021-02-20 to 2021-02-20 at the places chosen." in [info.value for info in page.info]


def test_exact_sums_stay_exact(house: House) -> None:
    rain = sum(Decimal(row["rain_total_mm"] or 0) for row in truth(house, "weather_daily"))
    found = sum(row["rain_total_mm"] or 0 for row in weather.totals(*EVER, _places(house)).to_pylist())
    assert found == pytest.approx(rain, abs=Decimal("0.00001"))
