"""Answers about a few places, flattened as the landing does it, small enough to be worked out by hand.

Sydney    metric, UTC+11: an answer on each side of local midnight; two versions of one observation; a day ten hours
          ahead of UTC with three conditions
Chicago   imperial, UTC-5, by its coordinates
Cagliari  standard, on the day that clocks go forward
Oslo      rain and snow in every form: one hour, three hours, both, overlapping, coded without an amount, unreadable
Nowhere   what cannot be used or dated
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.raw_rows import Row

CLEAR = [{"id": 800, "main": "Clear", "description": "clear sky", "icon": "01d"}]
RAIN = [{"id": 500, "main": "Rain", "description": "light rain", "icon": "10d"}]
SNOW = [{"id": 600, "main": "Snow", "description": "light snow", "icon": "13n"}]
STORM = [
    {"id": 211, "main": "Thunderstorm", "description": "thunderstorm", "icon": "11d"},
    {"id": 501, "main": "Rain", "description": "moderate rain", "icon": "10d"},
    {"id": 701, "main": "Mist", "description": "mist", "icon": "50d"},
]


def answer(
    place: str, at: str, temp: str | None, weather: object = CLEAR, *, units: str = "metric", offset: str | None = "0",
    **more: str | None,
) -> Row:  # fmt: skip
    """One answer observed at an instant (UTC); `more` are raw columns."""
    seconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    return {
        "place": place, "units": units, "dt": str(seconds), "timezone": offset, "main_temp": temp,
        "name": place.title(), "weather": weather if isinstance(weather, str) else json.dumps(weather),
        "cod": "200", "logical_date": at[:10], "main_humidity": "50", "main_pressure": "1000",
        "wind_speed": "2", "clouds_all": "0",
    } | more  # fmt: skip


def oslo(at: str, weather: object = CLEAR, **more: str | None) -> Row:
    return answer("oslo", f"2021-01-{at}", "-1", weather, offset="3600", **more)


FIRST = {
    "sydney": [
        # 23:55 and 00:05 on its clocks; rain of the hour before each.
        answer("sydney", "2021-03-20 12:55:00", "20.5", RAIN, offset="39600", rain_1h="1.2", wind_gust="9.75"),
        answer("sydney", "2021-03-20 13:05:00", "19.5", RAIN, offset="39600", rain_1h="1.2"),
        answer("sydney", "2021-03-20 16:00:00", "18", offset="39600"),
        answer("sydney", "2021-03-21 02:00:00", "25", STORM, offset="39600", rain_1h="3", main_pressure="1001.5"),
    ],
    "chicago": [
        answer(
            "41.88:-87.63", "2021-03-20 06:00:00", "68", units="imperial", offset="-18000", main_feels_like="-40",
            wind_speed="10", wind_gust="12.5", wind_deg="247.5", visibility="10000", rain_1h="0.3",
        )
    ],
    "cagliari": [
        # 00:30 in winter time, 03:30 and 12:00 in summer time: a day of 23 hours.
        answer("cagliari", "2021-03-27 23:30:00", "283.15", units="standard", offset="3600", main_humidity=None),
        answer("cagliari", "2021-03-28 01:30:00", "285.65", units="standard", offset="7200", main_humidity="70.5"),
        answer("cagliari", "2021-03-28 10:00:00", "300.15", units="standard", offset="7200", main_humidity="60.5"),
    ],
    "oslo": [
        # Dry, then the amounts of hours that overlap: 0.6 mm of 10:20 to 11:20, of which 20 minutes follow 11:00.
        oslo("10 11:00"), oslo("10 11:20", RAIN, rain_1h="0.6"),
        # Three hours in one, then one that knows both: the hour counts.
        oslo("10 18:00", RAIN, rain_3h="2.7"), oslo("10 20:00", RAIN, rain_1h="0.4", rain_3h="0.9"),
        # It rains, nobody says how much; the amount after it counts whole, since nothing is known of the time before.
        oslo("11 10:00", RAIN), oslo("11 10:30", RAIN, rain_1h="0.8"),
        # On these days nothing is known of rain, or of snow.
        oslo("12 10:00", RAIN), oslo("12 12:00", RAIN, rain_1h="much"), oslo("13 10:00", SNOW),
        oslo("14 10:00", SNOW, snow_1h="0.25"), oslo("14 11:00", SNOW, snow_3h="0.9"),
    ],
    "nowhere": [
        answer("nowhere", "2021-03-20 10:00:00", "1", offset=None),
        answer("nowhere", "2021-03-20 11:00:00", None, "sunny", offset="0"),
        answer("nowhere", "2021-03-20 12:00:00", "1") | {"dt": "1616241600000"},
    ],
}  # fmt: skip
AGAIN = {
    # Another version of Sydney's second observation; in this load the day of asking decides, not the name.
    "a": [
        answer("sydney", "2021-03-20 13:05:00", "19.25", RAIN, offset="39600", rain_1h="1.2", logical_date="2021-03-22")
    ],
    "b": [answer("sydney", "2021-03-20 13:05:00", "99", RAIN, offset="39600", rain_1h="9", logical_date="2021-03-21")],
}
