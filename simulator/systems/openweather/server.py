"""A loopback OpenWeatherMap: `/data/2.5/weather` by id or by lat and lon, in any units, with its own error bodies.

with serve(world / "openweather", now) as server:
    requests.get(f"{server.domain}/data/2.5/weather", params={"id": 2147714, "appid": API_KEY, "units": "metric"})
    server.fault(too_many_requests(), match="id=2147714")
    server.advance(minutes=10)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import cos, hypot, radians

from simulator.systems.openweather.climate import PLACES, Climate, Place, last_refresh
from simulator.systems.openweather.payload import UNITS, payload, text
from simulator.wire import Request, Station
from simulator.wire_faults import Act, Answer, status

API_KEY = "synthetic0key0of0the0sample0world"
PATH = "/data/2.5/weather"
_NEAR_DEGREES = 1.0


class _Refused(Exception):
    def __init__(self, code: int, cod: object, message: str) -> None:
        super().__init__(message)
        self.code, self.body = code, {"cod": cod, "message": message}


class WeatherStation(Station):
    """The service at an instant. `cod` is a number in some error bodies and text in others, as with the real one."""

    KNOBS = Station.KNOBS | {"api_key"}

    def __init__(self, seed: int, begins_at: datetime, now: datetime) -> None:
        super().__init__()
        self.api_key = API_KEY
        self.now: datetime = now
        self._climate = Climate(seed, begins_at)

    def advance(self, minutes: float = 10) -> None:
        """Time passes; every ten minutes an observation is refreshed."""
        self.now += timedelta(minutes=minutes)

    def orders(self) -> dict[str, Callable[..., object]]:
        return {**super().orders(), "advance": self.advance}

    def answer(self, request: Request) -> Answer:
        try:
            return self._json(200, self._weather(request))
        except _Refused as refused:
            return self._json(refused.code, text(refused.body))

    def _json(self, code: int, body: bytes) -> Answer:
        return Answer(code, body, {"Content-Type": "application/json; charset=utf-8", **self.extra_headers})

    def _weather(self, request: Request) -> bytes:
        asked = request.params
        if asked.get("appid") != self.api_key:
            raise _Refused(401, 401, "Invalid API key. Please see the service's page on error 401 for more info.")
        if request.path != PATH:
            raise _Refused(404, "404", "Internal error")
        units = asked.get("units", "standard")
        coordinates: tuple[float, float] | None = None
        if "id" in asked:
            place = next((place for place in PLACES if str(place.city_id) == asked["id"]), None)
        elif "lat" in asked and "lon" in asked:
            coordinates = _degrees(asked["lat"], 90, "wrong latitude"), _degrees(asked["lon"], 180, "wrong longitude")
            place = _nearest(*coordinates)
        else:
            raise _Refused(400, "400", "Nothing to geocode")
        if place is None:
            raise _Refused(404, "404", "city not found")
        with self._lock:
            seen = self._climate.observe(place, last_refresh(place, self.now))
        # Unknown units are no error: the service answers in its default.
        return text(payload(seen, units if units in UNITS else "standard", coordinates))


def _degrees(value: str, most: int, complaint: str) -> float:
    try:
        degrees = float(value)
    except ValueError:
        raise _Refused(400, "400", complaint) from None
    if not -most <= degrees <= most:
        raise _Refused(400, "400", complaint)
    return degrees


def _nearest(latitude: float, longitude: float) -> Place | None:
    def distance(place: Place) -> float:
        return hypot(place.latitude - latitude, (place.longitude - longitude) * cos(radians(latitude)))

    found = min(PLACES, key=distance)
    return found if distance(found) <= _NEAR_DEGREES else None


def too_many_requests(retry_after: str | float | None = None) -> Act:
    """429 as this service says it: `cod` is a number."""
    message = "Your account is temporarily blocked: it exceeds the request limit of its subscription (simulated)."
    return status(429, retry_after, body={"cod": 429, "message": message})


def internal_error(code: int = 500) -> Act:
    """5xx with the service's body."""
    return status(code, body={"cod": code, "message": "Internal error"})


def error_with_status_200(cod: int | str = "404", message: str = "city not found") -> Act:
    """An error body under status 200; `cod` may be a number or text."""
    return status(200, body={"cod": cod, "message": message})
