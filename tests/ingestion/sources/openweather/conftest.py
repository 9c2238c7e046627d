"""A weather service on loopback whose every answer a test may write, and a landing that asks it without patience."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.openweather import SOURCE
from simulator.wire import Request, Station, listening
from simulator.wire_faults import Answer
from tests.ingestion.sources.small_landing import SmallLanding

KEY = "canary-4f7c-of-the-key"
SYDNEY, PERTH, COVE = "2147714", "2063523", "-33.87:-0.5"

OBSERVED = 1617721200
"""2021-04-06 15:00:00 UTC, in Sydney already the 7th."""


def observation(place: str, dt: int = OBSERVED, **more: Any) -> dict[str, Any]:
    """An invented answer in the service's shape, without the parts that may be missing."""
    where = {"id": int(place)} if place.isdigit() else {"id": 0}
    return {
        "coord": {"lon": 151.2073, "lat": -33.8679},
        "weather": [{"id": 800, "main": "Clear", "description": "clear sky", "icon": "01n"}],
        "base": "stations",
        "main": {"temp": 18.25, "feels_like": 18, "temp_min": 17.1, "temp_max": 19, "pressure": 1021, "humidity": 77},
        "wind": {"speed": 2.5, "deg": 190.5},
        "clouds": {"all": 0},
        "dt": dt,
        "sys": {"country": "AU", "sunrise": 1617653580, "sunset": 1617695160},
        "timezone": 36000,
        **where,
        "name": f"Place {place}",
        "cod": 200,
        **more,
    }


class WeatherStation(Station):
    """Answers `/data/2.5/weather` with what `said` holds for the place; knows one key."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, bytes] = {}

    def say(self, place: str, answer: dict[str, Any] | bytes) -> None:
        self.said[place] = answer if isinstance(answer, bytes) else json.dumps(copy.deepcopy(answer)).encode()

    def answer(self, request: Request) -> Answer:
        asked = request.params
        if request.path != "/data/2.5/weather" or asked.get("appid") != KEY:
            return _error(401, 401, "Invalid API key. Please see the page #error401 for more info.")
        place = asked.get("id") or f"{asked.get('lat')}:{asked.get('lon')}"
        if place not in self.said:
            return _error(404, "404", "city not found")
        return Answer(200, self.said[place])

    @property
    def places(self) -> list[str]:
        return [request.params.get("id") or f"{request.params['lat']}:{request.params['lon']}" for request in self.log]


def _error(status: int, cod: int | str, message: str) -> Answer:
    return Answer(status, json.dumps({"cod": cod, "message": message}).encode())


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeatherStation]:
    """Three places, each with something to say."""
    with listening(WeatherStation()) as running:
        for place in (SYDNEY, PERTH, COVE):
            running.say(place, observation(place))
        settings = {
            "OPENWEATHER_URL": running.domain,
            "OPENWEATHER_API_KEY": KEY,
            "OPENWEATHER_PLACES": f"{SYDNEY}, {PERTH}\n{COVE}",
            "OPENWEATHER_WAIT_SECONDS": "0.01",
            "OPENWEATHER_WAIT_CAP_SECONDS": "0.05",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def landing(station: WeatherStation, tmp_path: Path) -> SmallLanding:
    return SmallLanding(tmp_path, SOURCE)
