"""Current weather of configured places from OpenWeatherMap, and answers of it that were kept earlier."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.source import Batch, Param, Problem, Run, Source, Table, Unchanged


def _read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    # Imported when running: the declaration itself must stay free of requests and DuckDB.
    from ingestion.sources.openweather.read import read

    return read(run)


SOURCE = Source(
    name="openweather",
    title="Current weather by place",
    tables=(
        Table(
            name="weather_observations",
            columns=(
                # The answer, two levels flattened into one name each; `weather` is the JSON text of its list.
                "coord_lon", "coord_lat", "weather", "base", "main_temp", "main_feels_like", "main_temp_min",
                "main_temp_max", "main_pressure", "main_humidity", "main_sea_level", "main_grnd_level", "visibility",
                "wind_speed", "wind_deg", "wind_gust", "rain_1h", "rain_3h", "snow_1h", "snow_3h", "clouds_all", "dt",
                "sys_type", "sys_id", "sys_message", "sys_country", "sys_sunrise", "sys_sunset", "timezone", "id",
                "name", "cod",
                # What the answer does not say: for which place and in which units it was asked, and for which day.
                "place", "units", "logical_date",
            ),
            key=("dt", "place"),
        ),
    ),
    cadence="daily",
    licence="OpenWeather data, to be attributed; terms (CC BY-SA 4.0 or ODbL) as of the plan that is used",
    settings=("OPENWEATHER_PLACES", "OPENWEATHER_ARCHIVE"),
    read=_read,
    params=(
        Param("from_lake", "land what the lake holds, and ask nobody", is_switch=True),
    ),
    quirks=(
        "cod is a number on success and on 401 and 429, a text on 400 and 404; an error may come with status 200.",
        "An answer does not say in which units it is: the request's setting lands beside it.",
        "rain, snow, wind.gust, visibility, sys.type and sys.id may be missing; rain may have 1h, 3h or both.",
        "weather is a list of one or more conditions, the first being the main one; it lands whole, as JSON text.",
        "dt is the time of observation and repeats until the next one (about ten minutes): the same answer lands once.",
        "temp_min and temp_max are the spread over the place now, not the day's extremes.",
    ),
)  # fmt: skip
