"""The weather: its truth adds up from the answers, and the server says what OpenWeatherMap says. Plain `requests`."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.systems import openweather
from simulator.systems.openweather.server import (
    API_KEY,
    WeatherStation,
    error_with_status_200,
    too_many_requests,
)
from simulator.world import Size

SYDNEY, WINNIPEG = 2147714, 6183235
OVERLAPPING = (str(SYDNEY), "2021-03-21")
"""Its first observation comes ten minutes after the one before it, and both speak of the hour before them."""


def answers(world: Path) -> list[dict[str, Any]]:
    files = sorted((world / "openweather" / "archive").rglob("*.json"))
    return [json.loads(path.read_bytes(), parse_float=Decimal) for path in files]


@pytest.fixture
def server(default_world: Path) -> Iterator[WeatherStation]:
    with openweather.serve(default_world / "openweather", Size().now) as running:
        yield running


def ask(server: WeatherStation, path: str = "/data/2.5/weather", **params: object) -> requests.Response:
    asked = {"appid": API_KEY, **{name: str(value) for name, value in params.items()}}
    return requests.get(server.domain + path, params=asked, timeout=10)


def test_the_daily_truth_is_what_the_answers_add_up_to(default_world: Path, server: WeatherStation) -> None:
    seen: dict[tuple[str, int], dict[str, Any]] = {}
    said = openweather.settings(default_world, None)["OPENWEATHER_PLACES"].split(",")
    live = [json.loads(ask(server, id=place, units="metric").content, parse_float=Decimal) for place in said]
    for answer in answers(default_world) + live:
        seen[str(answer["id"]), answer["dt"]] = answer
    days: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for (place, dt), answer in seen.items():
        days[place, str((datetime.fromtimestamp(dt, UTC) + timedelta(seconds=answer["timezone"])).date())].append(
            answer
        )

    def mean(values: list[Any]) -> Decimal:
        return (Decimal(sum(values)) / len(values)).quantize(Decimal("0.000001"), ROUND_HALF_UP)

    def rains(answer: dict[str, Any]) -> bool:
        return any(str(item["id"])[:1] in "35" or str(item["id"])[:2] in ("20", "23") for item in answer["weather"])

    def total(kind: str, found: list[dict[str, Any]]) -> Decimal:
        return Decimal(sum(sum(answer.get(kind, {}).values()) for answer in found))

    rows = list(csv.DictReader((default_world / "truth_weather_daily.csv").open()))
    assert len(rows) == len(days) == 317
    for row in rows:
        found = days[row["place"], row["local_date"]]
        temperatures = [answer["main"]["temp"] for answer in found]
        assert int(row["observation_count"]) == len(found)
        assert Decimal(row["temperature_mean_celsius"]) == mean(temperatures)
        assert Decimal(row["temperature_min_celsius"]) == min(temperatures)
        assert Decimal(row["temperature_max_celsius"]) == max(temperatures)
        assert Decimal(row["humidity_mean_pct"]) == mean([answer["main"]["humidity"] for answer in found])
        assert Decimal(row["pressure_mean_hpa"]) == mean([answer["main"]["pressure"] for answer in found])
        assert Decimal(row["wind_speed_mean_mps"]) == mean([answer["wind"]["speed"] for answer in found])
        if (row["place"], row["local_date"]) != OVERLAPPING:
            is_unknown = all("rain" not in answer and rains(answer) for answer in found)
            assert row["rain_total_mm"] == "" if is_unknown else Decimal(row["rain_total_mm"]) == total("rain", found)
        assert Decimal(row["snow_total_mm"]) == total("snow", found)


def test_the_archive_holds_every_oddity_of_the_wire(default_world: Path, truth: dict[str, Any]) -> None:
    found = answers(default_world)
    assert len(found) == sum(truth["openweather"]["archive_answers"].values()) == 12 + 42 * 28 - 1 - 4 + 3
    planted = {entry["fault"]: entry["quantity"] for entry in truth["openweather"]["planted"]}
    assert planted["several weather items"] == sum(len(answer["weather"]) > 1 for answer in found) > 20
    assert planted["no gust"] == sum("gust" not in answer["wind"] for answer in found) > 100
    assert planted["no visibility"] == sum("visibility" not in answer for answer in found) > 20
    assert planted["float deg"] == sum(isinstance(answer["wind"]["deg"], Decimal) for answer in found) > 20
    assert planted["float pressure"] == sum(isinstance(answer["main"]["pressure"], Decimal) for answer in found) > 20
    assert planted["no feels_like"] == sum("feels_like" not in answer["main"] for answer in found) == 12
    for answer in found:
        codes = {item["id"] // 100 for item in answer["weather"]}
        assert "rain" not in answer or codes & {2, 3, 5, 6}
        assert "snow" not in answer or 6 in codes
        is_day = answer["sys"]["sunrise"] <= answer["dt"] < answer["sys"]["sunset"]
        assert {item["icon"][-1] for item in answer["weather"]} == {"d" if is_day else "n"}
        assert answer["main"]["temp_min"] <= answer["main"]["temp"] <= answer["main"]["temp_max"]
        # The spread over the city at one moment, not of the day.
        assert answer["main"]["temp_max"] - answer["main"]["temp_min"] <= 3


def test_two_observations_ten_minutes_apart_fall_on_two_local_days(default_world: Path) -> None:
    with (default_world / "truth_weather_observations.csv").open() as file:
        rows = {row["observed_at"]: row for row in csv.DictReader(file) if row["place"] == str(SYDNEY)}
    # Sydney is eleven hours ahead until 4 April.
    assert rows["2021-03-20 12:55:14"]["local_date"] == "2021-03-20"
    assert rows["2021-03-20 13:05:14"]["local_date"] == "2021-03-21"


def test_rain_of_the_same_hour_is_not_added_up_twice(default_world: Path) -> None:
    with (default_world / "truth_weather_observations.csv").open() as file:
        seen = [row for row in csv.DictReader(file) if (row["place"], row["local_date"]) == OVERLAPPING]
    # Of 0.89 mm in the hour before 00:05 only ten minutes come after the observation of 23:55.
    assert [row["rain_1h_mm"] for row in seen] == ["0.89", *(row["rain_1h_mm"] for row in seen[1:])]
    rest = sum(Decimal(row["rain_1h_mm"] or 0) for row in seen[1:])
    with (default_world / "truth_weather_daily.csv").open() as file:
        (day,) = [row for row in csv.DictReader(file) if (row["place"], row["local_date"]) == OVERLAPPING]
    assert Decimal(day["rain_total_mm"]) == Decimal("0.148333") + rest


def test_an_answer_is_repeated_byte_for_byte(default_world: Path) -> None:
    day = default_world / "openweather" / "archive" / "2021" / "03" / "25"
    assert (day / "2174003_0600.json").read_bytes() == (day / "2174003_0604.json").read_bytes()


def test_units_are_converted_and_never_named(server: WeatherStation) -> None:
    metric, imperial, standard, unknown = (
        ask(server, id=WINNIPEG, **units).json()
        for units in ({"units": "metric"}, {"units": "imperial"}, {}, {"units": "furlongs"})
    )
    celsius = Decimal(str(metric["main"]["temp"]))
    assert Decimal(str(standard["main"]["temp"])) == celsius + Decimal("273.15")
    assert abs(Decimal(str(imperial["main"]["temp"])) - (celsius * 9 / 5 + 32)) <= Decimal("0.005")
    assert metric["wind"]["speed"] == standard["wind"]["speed"]
    assert abs(imperial["wind"]["speed"] - metric["wind"]["speed"] / 0.44704) < 0.006
    assert {key: metric[key] for key in ("dt", "visibility", "timezone")} == {
        key: imperial[key] for key in ("dt", "visibility", "timezone")
    }
    assert unknown == standard


def test_coordinates_are_echoed_and_the_nearest_city_answers(server: WeatherStation) -> None:
    near = ask(server, lat="-33.87", lon="151.21", units="metric").json()
    assert (near["coord"], near["id"], near["cod"]) == ({"lon": 151.21, "lat": -33.87}, SYDNEY, 200)
    assert near["main"] == ask(server, id=SYDNEY, units="metric").json()["main"]


def test_an_observation_is_refreshed_every_ten_minutes(server: WeatherStation) -> None:
    first = ask(server, id=SYDNEY)
    assert first.headers["Date"] == "Tue, 06 Apr 2021 15:30:00 GMT"
    server.advance(minutes=4)
    assert ask(server, id=SYDNEY).content == first.content
    server.advance(minutes=6)
    assert ask(server, id=SYDNEY).json()["dt"] == first.json()["dt"] + 600


def test_error_bodies_have_the_documented_types(server: WeatherStation) -> None:
    def said(response: requests.Response) -> tuple[int, object]:
        return response.status_code, response.json()["cod"]

    assert said(ask(server, id=SYDNEY, appid="wrong")) == (401, 401)
    assert said(ask(server, id=1)) == (404, "404")
    assert said(ask(server)) == (400, "400")
    assert said(ask(server, lat="-133", lon="151")) == (400, "400")
    assert said(ask(server, lat="0", lon="0")) == (404, "404")
    server.fault(too_many_requests(retry_after=2))
    blocked = ask(server, id=SYDNEY)
    assert (said(blocked), blocked.headers["Retry-After"]) == ((429, 429), "2")
    server.fault(error_with_status_200(), match=f"id={SYDNEY}")
    assert said(ask(server, id=WINNIPEG)) == (200, 200)
    assert said(ask(server, id=SYDNEY)) == (200, "404")
    assert said(ask(server, id=SYDNEY)) == (200, 200)


def test_the_fault_set_holds_what_it_lists(fault_set: Path) -> None:
    archive = fault_set / "openweather" / "archive"
    cases = {
        case["file"]: case for case in json.loads((fault_set / "truth.json").read_text())["openweather"]["archive"]
    }
    assert set(cases) == {path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()}
    for name, case in cases.items():
        for value in case.get("values", []):
            text = (archive / name).read_text()
            found = json.loads(text, parse_float=str, parse_int=str)
            parent, _, child = value["column"].partition("_")
            assert (found[parent][child] if child else found[parent]) == value["text"], name
    readable = set()
    for name, case in cases.items():
        try:
            json.loads((archive / name).read_bytes().decode("utf-8-sig"))
            readable.add(name)
        except ValueError:
            assert case["outcome"] == "rejected", name
    assert {"2021/03/01/not_found.json", "unknown_date/weather_Sydney.json"} <= readable
