"""Writes the archive of answers with its truth, added up from the integers of the observations."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from simulator.planted import Planted
from simulator.system import Size
from simulator.systems.openweather.climate import PLACES, Climate, Observation, Place, last_refresh
from simulator.systems.openweather.payload import payload, text

DAYS, FLAT_DAYS = 45, 3
POLLS = (time(0), time(6), time(12), time(18))
DAILY = (
    "place", "local_date", "observation_count", "temperature_mean_celsius", "temperature_min_celsius",
    "temperature_max_celsius", "humidity_mean_pct", "pressure_mean_hpa", "wind_speed_mean_mps", "rain_total_mm",
    "snow_total_mm",
)  # fmt: skip
OBSERVED = (
    "place", "observed_at", "local_date", "temperature_celsius", "feels_like_celsius", "humidity_pct", "pressure_hpa",
    "wind_speed_mps", "wind_gust_mps", "wind_direction_deg", "visibility_m", "rain_1h_mm", "rain_3h_mm", "snow_1h_mm",
    "snow_3h_mm", "cloudiness_pct", "weather_main", "weather_count", "country_code",
)  # fmt: skip


WINDOWS = {"1h": 3600, "3h": 10_800}
MICRO = Decimal("0.000001")


def _decimal(hundredths: int | None) -> str:
    return "" if hundredths is None else str(Decimal(hundredths).scaleb(-2))


@dataclass
class _Day:
    """Sums over the observations of one place and local day; hundredths but for the humidity."""

    count: int = 0
    celsius: list[int] = field(default_factory=list)
    humidity: int = 0
    pressure: int = 0
    wind: int = 0
    fallen: dict[str, list[Decimal]] = field(default_factory=lambda: {"rain": [], "snow": []})

    def add(self, seen: Observation, fallen: dict[str, Decimal | None]) -> None:
        self.count += 1
        self.celsius.append(seen.celsius)
        self.humidity += seen.humidity
        self.pressure += seen.pressure
        self.wind += seen.wind
        for kind, amount in fallen.items():
            if amount is not None:
                self.fallen[kind].append(amount)

    def row(self) -> list[str]:
        def mean(total: int, places: int = 2) -> str:
            exact = Decimal(total).scaleb(-places) / self.count
            return str(exact.quantize(MICRO, ROUND_HALF_UP))

        return [
            str(self.count),
            mean(sum(self.celsius)),
            _decimal(min(self.celsius)),
            _decimal(max(self.celsius)),
            mean(self.humidity, 0),
            mean(self.pressure),
            mean(self.wind),
            *(str(sum(amounts)) if amounts else "" for amounts in self.fallen.values()),
        ]


class _Gauge:
    """What fell at one place, from amounts that are each about the hours before their observation."""

    def __init__(self) -> None:
        self._spoken: dict[str, datetime] = {}

    def add(self, seen: Observation) -> dict[str, Decimal | None]:
        """Millimetres of rain and snow that an observation adds to those before it; None is unknown.

        An amount counts for the part of its window that follows the last observation that said anything. Nothing sent
        is a dry hour, unless a code says that it rains or snows.
        """
        found: dict[str, Decimal | None] = {}
        for kind, sent, is_falling in (
            ("rain", seen.rain, any(item.code in _RAINY or item.code // 100 in (3, 5) for item in seen.items)),
            ("snow", seen.snow, any(item.code // 100 == 6 for item in seen.items)),
        ):
            found[kind] = None
            if sent is None and is_falling:
                continue
            window = WINDOWS[sent[0]] if sent else 3600
            since = (seen.at - self._spoken[kind]).total_seconds() if kind in self._spoken else window
            share = Decimal(int(min(window, since))) / window
            found[kind] = (Decimal(sent[1] if sent else 0).scaleb(-2) * share).quantize(MICRO, ROUND_HALF_UP)
            self._spoken[kind] = seen.at
        return found


_RAINY = frozenset({200, 201, 202, 230, 231, 232, 615, 616})
"""Codes that mean rain besides 3xx and 5xx: thunderstorm with rain or drizzle, and rain with snow."""


def _observed(seen: Observation) -> list[str]:
    fallen = {
        (name, key): amount[1]
        for name, amount in (("rain", seen.rain), ("snow", seen.snow))
        if amount is not None
        for key in [amount[0]]
    }
    whole = (seen.humidity, seen.visibility, seen.clouds)
    humidity, visibility, clouds = ("" if value is None else str(value) for value in whole)
    return [
        str(seen.place.city_id),
        f"{seen.at:%Y-%m-%d %H:%M:%S}",
        str(seen.local.date()),
        _decimal(seen.celsius),
        _decimal(None if seen.feels_like is None else seen.feels_like - seen.temperature + seen.celsius),
        humidity,
        _decimal(seen.pressure),
        _decimal(seen.wind),
        _decimal(seen.gust),
        _decimal(seen.direction),
        visibility,
        *(_decimal(fallen.get((name, key))) for name in ("rain", "snow") for key in ("1h", "3h")),
        clouds,
        seen.items[0].main,
        str(len(seen.items)),
        seen.place.country,
    ]


@dataclass(frozen=True)
class _Poll:
    """One answer of the archive: asked for at `at`, holding the observation that was current at `current_at`."""

    place: Place
    at: datetime
    current_at: datetime
    is_flat: bool = False

    @property
    def path(self) -> str:
        if self.is_flat:
            return f"weather_{self.place.name}_{self.at:%Y%m%d}.json"
        return f"{self.at:%Y/%m/%d}/{self.place.city_id}_{self.at:%H%M}.json"


def _polls(until: date, count: int, planted: Planted) -> Iterator[_Poll]:
    """Every poll of the archive that was answered, in the order of time."""
    days = [until - timedelta(days=back) for back in range(count - 1, -1, -1)]
    midnight, repeated, unanswered, silent = (until - timedelta(days=back) for back in (16, 11, 8, 20))
    by_name = {place.name: place for place in PLACES}
    for number, day in enumerate(days):
        moments = [datetime.combine(day, at, UTC) for at in POLLS]
        if number < FLAT_DAYS:
            for place in PLACES:
                if place.country == "AU":
                    yield _Poll(place, moments[0], moments[0], is_flat=True)
            continue
        for at in moments:
            for place in PLACES:
                where = {"place": str(place.city_id), "polled_at": str(at)}
                local = last_refresh(place, at).astimezone(UTC) + timedelta(hours=8)
                if place.name == "Melbourne" and (day, at.hour) == (unanswered, 12):
                    planted.add("poll without an answer", where, means="one of the day's four answers is not there")
                elif place.name == "Perth" and local.date() == silent:
                    planted.add("local day without an answer", where, means="no observation on a place's whole day")
                else:
                    yield _Poll(place, at, at)
            if (day, at.hour) == (repeated, 6):
                later = at + timedelta(minutes=4)
                where = {"place": str(by_name["Brisbane"].city_id), "polled_at": str(later)}
                planted.add("repeated answer", where, means="the bytes of the poll four minutes before")
                yield _Poll(by_name["Brisbane"], later, at)
            if (day, at.hour) == (midnight, 12):
                # Local midnight of Sydney in summer time is 13:00 UTC; a place reports every ten minutes.
                for minute in (59, 69):
                    later = at + timedelta(minutes=minute)
                    seen = last_refresh(by_name["Sydney"], later)
                    where = {"place": str(by_name["Sydney"].city_id), "observed_at": str(seen)}
                    planted.add("near local midnight", where, means="two observations ten minutes and one day apart")
                    yield _Poll(by_name["Sydney"], later, later)


def write(folder: Path, size: Size) -> dict[str, Any]:
    """Writes archive, `world.json` and the tables of the truth; returns their part of truth.json."""
    begins_at = datetime.combine(size.until - timedelta(days=DAYS + 1), time(), UTC)
    (folder / "world.json").write_text(json.dumps({"seed": size.seed, "begins_at": begins_at.isoformat()}) + "\n")
    climate, planted = Climate(size.seed, begins_at), Planted()
    archive = folder / "archive"
    archive.mkdir()
    observed: dict[tuple[int, datetime], Observation] = {}
    answers: dict[str, int] = {}
    for poll in _polls(size.until, min(DAYS, size.history_days), planted):
        seen = climate.observe(poll.place, last_refresh(poll.place, poll.current_at), is_old=poll.is_flat)
        found = payload(seen, "metric")
        path = archive / poll.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(found).encode() if poll.is_flat else text(found))
        style = "flat" if poll.is_flat else "in folders of days"
        answers[style] = answers.get(style, 0) + 1
        observed[poll.place.city_id, seen.at] = seen
        _plant(planted, poll, seen)
    archived = len(observed)
    for place in PLACES:
        seen = climate.observe(place, last_refresh(place, size.now))
        observed[place.city_id, seen.at] = seen
    days = _write_tables(folder.parent, observed)
    return {
        "places": {str(place.city_id): place.name for place in PLACES},
        "archive_answers": answers,
        "archive_observations": archived,
        "observations": len(observed),
        "place_days": days,
        "units": "metric",
        "planted": planted.listed(),
    }


def _write_tables(folder: Path, observed: dict[tuple[int, datetime], Observation]) -> int:
    """Both tables, sorted by place and time; returns the rows of the daily one."""
    days: dict[tuple[str, date], _Day] = {}
    gauges = {place.city_id: _Gauge() for place in PLACES}
    with (folder / "truth_weather_observations.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(OBSERVED)
        for (city_id, _), seen in sorted(observed.items()):
            writer.writerow(_observed(seen))
            days.setdefault((str(city_id), seen.local.date()), _Day()).add(seen, gauges[city_id].add(seen))
    with (folder / "truth_weather_daily.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(DAILY)
        writer.writerows([place, str(day), *sums.row()] for (place, day), sums in sorted(days.items()))
    return len(days)


def _plant(planted: Planted, poll: _Poll, seen: Observation) -> None:
    for fault, is_so, means in (
        ("several weather items", len(seen.items) > 1, "the first of the list is the primary one"),
        (
            "rain code without rain",
            seen.items[0].code < 600 and seen.rain is None,
            "the code says rain, there is no rain object",
        ),
        ("no gust", seen.gust is None, "wind.gust is not there"),
        ("no visibility", seen.visibility is None, "visibility is not there"),
        ("no feels_like", seen.feels_like is None, "main.feels_like is not there"),
        ("no sys.type", seen.internals is None, "sys.type and sys.id are not there"),
        ("float deg", seen.direction % 100 != 0, "wind.deg has decimals"),
        ("float pressure", seen.pressure % 100 != 0, "main.pressure has decimals"),
        (
            "UTC date is not the local date",
            seen.at.date() != seen.local.date(),
            "dt + timezone falls on another day than dt",
        ),
        (
            "observed the day before the poll",
            seen.at.date() != poll.at.date(),
            "dt lies on the UTC day before that of its folder or file name",
        ),
    ):
        if is_so:
            planted.add(fault, poll.path, means=means)
