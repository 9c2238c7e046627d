"""From the lake to raw: one row for each answer, whether it came now, from an archive, or was in the lake before."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence

from ingestion.clients.content import BadContent
from ingestion.settings import read as read_settings
from ingestion.source import Batch, LakeFile, Problem, Run, Unchanged
from ingestion.sources.openweather import SOURCE
from ingestion.sources.openweather.fetch import Found, Kept, Weather
from ingestion.sources.openweather.flatten import OURS, Flat, flatten, query
from ingestion.sources.openweather.settings import WeatherSettings

log = logging.getLogger(__name__)

OBSERVATIONS = SOURCE.table("weather_observations")
MOST_FILES = 1000


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new of the places and of the archive; with `--param from_lake=true` of the lake, without a request."""
    settings = read_settings(WeatherSettings)
    weather = Weather(run, settings)
    waiting: list[Kept] = []
    for found in _sources(run, weather, settings):
        if not isinstance(found, Kept):
            yield found
            continue
        waiting.append(found)
        if len(waiting) == MOST_FILES:
            yield from _batch(waiting, weather)
            waiting = []
    yield from _batch(waiting, weather)


def _sources(run: Run, weather: Weather, settings: WeatherSettings) -> Found:
    if run.params.get("from_lake", "").lower() in ("1", "true", "yes"):
        return weather.lake()
    current = weather.current() if settings.places else iter(())
    return itertools.chain(weather.archive(settings.archive) if settings.archive else iter(()), current)


def _batch(answers: Sequence[Kept], weather: Weather) -> Iterator[Batch | Problem]:
    """The answers that can be landed, as one batch: what one of them lacks is null in its row."""
    good: dict[str, tuple[Kept, Flat]] = {}
    files: list[LakeFile] = []
    for answer, flat in zip(answers, flatten(answers, weather.folder), strict=True):
        if isinstance(flat, BadContent):
            yield Problem(flat.code, flat.message, OBSERVATIONS.name, answer.uri, flat.row, flat.column)
            continue
        stored = answer.stored
        good[stored.source_file] = answer, flat
        files.append(
            LakeFile(
                answer.uri, stored.key, stored.sha256, stored.bytes, 1, flat.columns, "file", answer.version,
                answer.delivered_at,
            )
        )  # fmt: skip
    if not files:
        return
    sent = dict.fromkeys(name for _, flat in good.values() for name in flat.pointers)
    columns = (*sent, *OURS)

    def narrow(chosen: Sequence[LakeFile]) -> str:
        return query([good[file.source_file] for file in chosen], columns)

    yield Batch(OBSERVATIONS.name, columns, narrow(files), tuple(files), narrow, ordered=False)
