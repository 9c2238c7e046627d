"""Invented weather: a seasonal mean, a diurnal wave and a slow drift per place, and what follows from them.

Everything is kept in integers (hundredths of a kelvin, of m/s, of mm), so that every total is exact. An observation
depends on seed, place and instant only: it does not matter who asks, or how often.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ZERO_CELSIUS = 27_315
"""In hundredths of a kelvin."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Place:
    """A city: coordinates in degrees, temperatures in °C, `wet` the share of observations with precipitation."""

    city_id: int
    name: str
    country: str
    latitude: float
    longitude: float
    zone: str
    mean: float
    season: float
    """Half the difference between the warmest and the coldest day; negative in the south, where January is warm."""
    day: float
    wet: float


PLACES = (
    Place(2147714, "Sydney", "AU", -33.8679, 151.2073, "Australia/Sydney", 18.2, -5.3, 3.6, 0.24),
    Place(2158177, "Melbourne", "AU", -37.814, 144.9633, "Australia/Melbourne", 15.3, -5.6, 4.8, 0.22),
    Place(2174003, "Brisbane", "AU", -27.4679, 153.0281, "Australia/Brisbane", 20.9, -4.9, 4.3, 0.27),
    Place(2063523, "Perth", "AU", -31.9333, 115.8333, "Australia/Perth", 18.9, -6.1, 5.6, 0.08),
    Place(2643743, "London", "GB", 51.5085, -0.1257, "Europe/London", 11.1, 6.6, 3.2, 0.3),
    Place(6183235, "Winnipeg", "CA", 49.8844, -97.147, "America/Winnipeg", 3.2, 16.4, 4.6, 0.18),
    Place(2525473, "Cagliari", "IT", 39.2305, 9.1192, "Europe/Rome", 17.1, 7.2, 3.9, 0.12),
)


@dataclass(frozen=True)
class Item:
    """One entry of the `weather` list; the icon lacks its d or n."""

    code: int
    main: str
    description: str
    icon: str


_CLEAR, _FEW = Item(800, "Clear", "clear sky", "01"), Item(801, "Clouds", "few clouds", "02")
_BROKEN, _OVERCAST = Item(803, "Clouds", "broken clouds", "04"), Item(804, "Clouds", "overcast clouds", "04")
_MIST, _HAZE = Item(701, "Mist", "mist", "50"), Item(721, "Haze", "haze", "50")
_DRIZZLE, _LIGHT = Item(300, "Drizzle", "light intensity drizzle", "09"), Item(500, "Rain", "light rain", "10")
_RAIN, _SHOWER = Item(501, "Rain", "moderate rain", "10"), Item(521, "Rain", "shower rain", "09")
_THUNDER = Item(201, "Thunderstorm", "thunderstorm with rain", "11")
_SNOW, _SLEET = Item(600, "Snow", "light snow", "13"), Item(616, "Snow", "rain and snow", "13")


@dataclass(frozen=True)
class Observation:
    """One observation. None is a value that the answer leaves out."""

    place: Place
    at: datetime
    """`dt`, UTC."""
    offset: int
    """`timezone`: seconds that local time is ahead of UTC."""
    temperature: int
    """Hundredths of a kelvin, as the next three."""
    feels_like: int | None
    least: int
    greatest: int
    pressure: int
    """Hundredths of a hPa."""
    sea_level: int | None
    """hPa, as ground_level."""
    ground_level: int | None
    humidity: int
    visibility: int | None
    wind: int
    """Hundredths of m/s, as the gust."""
    direction: int
    """Hundredths of a degree."""
    gust: int | None
    rain: tuple[str, int] | None
    """Hundredths of a mm under `1h` or `3h`."""
    snow: tuple[str, int] | None
    clouds: int
    items: tuple[Item, ...]
    sunrise: int
    sunset: int
    internals: tuple[int, int] | None
    """`sys.type` and `sys.id`."""
    message: int | None
    """`sys.message` of older payloads, in ten-thousandths."""

    @property
    def celsius(self) -> int:
        return self.temperature - ZERO_CELSIUS

    @property
    def local(self) -> datetime:
        """Local clock time, naive: what `dt + timezone` says."""
        return (self.at + timedelta(seconds=self.offset)).replace(tzinfo=None)


class Climate:
    """The weather of every place from `begins_at` (UTC) on."""

    def __init__(self, seed: int, begins_at: datetime) -> None:
        self.seed, self.begins_at = seed, begins_at
        self._drifts: dict[tuple[str, int], tuple[random.Random, list[float]]] = {}

    def _drift(self, kind: str, place: Place, keeps: float, at: datetime) -> float:
        """A first-order autoregression in hourly steps with a variance of one, drawn as far as somebody asks."""
        rng, values = self._drifts.setdefault(
            (kind, place.city_id), (random.Random(f"{self.seed}/{kind}/{place.city_id}"), [0.0])
        )
        hours = (at - self.begins_at) / _HOUR
        if hours < 0:
            raise ValueError(f"the weather begins at {self.begins_at}; nothing is known of {at}")
        step = math.sqrt(1 - keeps * keeps)
        while len(values) < hours + 2:
            values.append(keeps * values[-1] + step * rng.gauss(0.0, 1.0))
        before, part = values[int(hours)], hours % 1
        return before + part * (values[int(hours) + 1] - before)

    def observe(self, place: Place, at: datetime, *, is_old: bool = False) -> Observation:
        """The observation of a place at an instant (UTC, whole seconds); `is_old` gives the older shape of payload."""
        rng = random.Random(f"{self.seed}/{place.city_id}/{at:%Y%m%d%H%M%S}")
        offset = int((at.astimezone(ZoneInfo(place.zone)).utcoffset() or timedelta()).total_seconds())
        local = at + timedelta(seconds=offset)
        sunrise, sunset = sun(place, int(local.timestamp()) // 86_400)
        year = math.tau * (local.timetuple().tm_yday - 203) / 365.25
        solar = math.tau * ((at.hour + at.minute / 60 + place.longitude / 15) - 15) / 24
        drift = self._drift("temperature", place, 0.97, at)
        celsius = place.mean + place.season * math.cos(year) + place.day * math.cos(solar) + 2.6 * drift
        temperature = round(100 * celsius) + ZERO_CELSIUS
        high = self._drift("pressure", place, 0.995, at)
        wind = max(30, round(100 * (3.4 + 1.8 * self._drift("wind", place, 0.9, at))))
        is_wet = rng.random() < place.wet
        humidity = max(12, min(100, round(62 - 1.1 * (celsius - place.mean) + (22 if is_wet else 0) + rng.gauss(0, 7))))
        rain, snow, items = self._sky(rng, is_wet, celsius, humidity, is_old)
        # Only some stations report fractions.
        pressure = round(101_400 + 650 * high) if is_old or rng.random() < 0.06 else 100 * round(1014 + 6.5 * high)
        has_levels = rng.random() < 0.3
        return Observation(
            place=place,
            at=at,
            offset=offset,
            temperature=temperature,
            feels_like=None if is_old else temperature - round(wind * 0.25) + (humidity - 60) * 2,
            least=temperature - round(150 * rng.random()),
            greatest=temperature + round(150 * rng.random()),
            pressure=pressure,
            sea_level=pressure // 100 if has_levels else None,
            ground_level=pressure // 100 - 4 if has_levels else None,
            humidity=humidity,
            visibility=None if rng.random() < 0.05 else 10_000 if not is_wet else rng.randrange(3_000, 10_001, 100),
            wind=wind,
            direction=rng.randrange(36_000) if is_old or rng.random() < 0.1 else 100 * rng.randrange(360),
            gust=wind + rng.randrange(50, 700) if rng.random() < 0.45 else None,
            rain=rain,
            snow=snow,
            clouds=rng.randrange(60, 101) if is_wet else rng.randrange(0, 76),
            items=items,
            sunrise=sunrise,
            sunset=sunset,
            internals=None if rng.random() < 0.2 else (rng.randrange(1, 3), 8000 + place.city_id % 1000),
            message=rng.randrange(30, 9000) if is_old else None,
        )

    @staticmethod
    def _sky(
        rng: random.Random, is_wet: bool, celsius: float, humidity: int, is_old: bool
    ) -> tuple[tuple[str, int] | None, tuple[str, int] | None, tuple[Item, ...]]:
        """Rain and snow, each only with a code that means it, and the list of items."""
        key = "3h" if is_old else "1h"
        amount = (key, max(10, round(100 * rng.expovariate(1.1))))
        if not is_wet:
            calm = rng.choice((_CLEAR, _CLEAR, _FEW, _BROKEN, _OVERCAST))
            return None, None, (rng.choice((_MIST, _HAZE)),) if humidity > 88 else (calm,)
        if celsius < -1:
            return None, amount, (_SNOW,)
        if celsius < 2:
            return amount, (key, amount[1] // 2 + 10), (_SLEET, _MIST)
        item = rng.choice((_DRIZZLE, _LIGHT, _LIGHT, _RAIN, _SHOWER, _THUNDER))
        items = (item, _MIST) if humidity > 85 else (item, _LIGHT) if item is _THUNDER else (item,)
        # A rain code is no promise of a rain object.
        return None if rng.random() < 0.15 else amount, None, items


@lru_cache(maxsize=4096)
def sun(place: Place, local_day: int) -> tuple[int, int]:
    """Sunrise and sunset of a local day (days since 1970), epoch seconds, to some minutes."""
    declination = -0.4093 * math.cos(math.tau * (local_day % 365.2425 + 10) / 365.2425)
    cosine = -math.tan(math.radians(place.latitude)) * math.tan(declination)
    half = math.acos(max(-1.0, min(1.0, cosine))) / math.tau * 86_400
    noon = local_day * 86_400 + 43_200 - place.longitude / 360 * 86_400
    return int(noon - half), int(noon + half)


def last_refresh(place: Place, now: datetime) -> datetime:
    """`dt` of the observation that is current at `now`: stations report every ten minutes, each at its own minute."""
    second = place.city_id % 600
    stamp = int(now.astimezone(UTC).timestamp())
    return datetime.fromtimestamp(stamp - (stamp - second) % 600, UTC)
