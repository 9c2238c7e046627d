"""Current weather of seven cities as OpenWeatherMap's `/data/2.5/weather` gives it: an archive of answers, a server.

What lies in the folder:

- `archive/YYYY/MM/DD/<city id>_<HHMM>.json`: answers in metric units of four polls a day (00:00, 06:00, 12:00 and
  18:00 UTC) on the last 42 days of the world; day and time of the name are those of the poll, UTC, while `dt` is some
  minutes older, so that the poll of 00:00 holds an observation of the day before;
- `archive/weather_<city>_YYYYMMDD.json`: the three days before that, kept as the replaced system kept them: one answer
  per Australian city and day, with the older payload (no feels_like, float pressure, `rain.3h`, `sys.message`);
- `world.json`: what the server needs to answer for any instant after the archive's beginning.

Planted: observations minutes before and after local midnight (Sydney, 2021-03-20), an answer repeated byte for byte by
a poll four minutes later (Brisbane), one poll without an answer (Melbourne), a local day without any (Perth), several
weather items, rain codes without rain, missing gust, visibility and `sys.type`, float deg and pressure, and the clock
changes of Winnipeg, London, Cagliari, Sydney and Melbourne.

Truth, of the archive and of one answer per place at the world's `now`, each (place, dt) counted once:

- `truth_weather_daily.csv`, one row per place and local day that has an observation. `place` is the city id as text,
  `local_date` the date of `dt + timezone`, `observation_count` the number of distinct `dt`. Means are the plain mean of
  the observations (not weighted by time), with six decimals, half away from zero; `temperature_min_celsius` and
  `temperature_max_celsius` are the least and the greatest `main.temp` of the day, never `temp_min` and `temp_max`,
  which are the spread over the city at one moment. `rain_total_mm` and `snow_total_mm` add up what was reported (`1h`
  where an observation has it, else `3h`, else a dry hour), no estimate of what fell in between: an amount counts for
  the part of its window that follows the last observation that said anything about rain (or snow), rounded to six
  decimals; a code of rain (20x, 23x, 3xx, 5xx, 615, 616) without an amount says nothing, so does 6xx without snow.
  Empty is a day of which no observation said anything.
- `truth_weather_observations.csv`, one row per place and `dt`: values in metric units, empty where the answer has none.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from simulator.system import System
from simulator.systems.openweather.climate import PLACES
from simulator.systems.openweather.faults import write_faults
from simulator.systems.openweather.server import API_KEY, WeatherStation
from simulator.systems.openweather.weather_world import write
from simulator.wire import listening


def settings(folder: Path, address: str | None) -> dict[str, str]:
    return {
        "OPENWEATHER_URL": address or "",
        "OPENWEATHER_API_KEY": API_KEY,
        "OPENWEATHER_PLACES": ",".join(str(place.city_id) for place in PLACES),
        "OPENWEATHER_UNITS": "metric",
        "OPENWEATHER_ARCHIVE": str((folder / "archive").resolve()),
    }


def serve(folder: Path, now: datetime, *, generation: int = 1, port: int = 0) -> AbstractContextManager[WeatherStation]:
    """`/data/2.5/weather` as it stands at `now`; there are no editions."""
    said = json.loads((folder / "world.json").read_text())
    return listening(WeatherStation(said["seed"], datetime.fromisoformat(said["begins_at"]), now), port=port)


SYSTEM = System(
    write=write,
    settings=settings,
    about="an archive of OpenWeatherMap answers, and what a loopback `/data/2.5/weather` answers from",
    summary=lambda truth: f"{truth['observations']:,} weather observations",
    serve=serve,
    write_faults=write_faults,
)
