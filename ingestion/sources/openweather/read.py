"""From the lake to raw: one row for each answer, whether it came now, from an archive, or was in the lake before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ingestion.clients.content import BadContent
from ingestion.settings import read as read_settings
from ingestion.source import Batch, LakeFile, Problem, Run, Unchanged
from ingestion.sources.openweather import SOURCE
from ingestion.sources.openweather.answers import Found, Kept, Known
from ingestion.sources.openweather.archive import Archive
from ingestion.sources.openweather.fetch import current
from ingestion.sources.openweather.flatten import OURS, Flat, flatten, query
from ingestion.sources.openweather.settings import WeatherSettings

OBSERVATIONS = SOURCE.table("weather_observations")
MOST_FILES = 1000


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new of the places and of the archive; with `--param from_lake=true` of the lake, without a request.

    `--since` and `--until` are days of the archive or the lake; places are asked when the run's own day is among them.
    """
    settings = read_settings(WeatherSettings)
    folder = run.scratch / SOURCE.name
    folder.mkdir(parents=True, exist_ok=True)
    waiting: list[Kept] = []
    for found in _answers(run, settings, folder):
        if not isinstance(found, Kept):
            yield found
            continue
        waiting.append(found)
        if len(waiting) == MOST_FILES:
            yield from _batch(waiting, folder)
            waiting = []
    yield from _batch(waiting, folder)


def _answers(run: Run, settings: WeatherSettings, folder: Path) -> Found:
    known = Known(run)
    archive = Archive(run, known, folder)
    if run.params.get("from_lake", "").lower() in ("1", "true", "yes"):
        yield from archive.lake()
        return
    today = run.logical_at.date()
    secrets = settings.secrets if settings.places else None  # a missing key is said before anything is read
    if settings.archive:
        yield from archive.files(settings.archive, settings.archive_units)
    if secrets and (run.since or today) <= today <= (run.until or today):  # the service knows no other day
        yield from current(run, settings, secrets, known, folder)


def _batch(answers: Sequence[Kept], folder: Path) -> Iterator[Batch | Problem]:
    """The answers that can be landed, as one batch: what one of them lacks is null in its row."""
    good: dict[str, tuple[Kept, Flat]] = {}
    files: list[LakeFile] = []
    for answer, flat in zip(answers, flatten(answers, folder), strict=True):
        if isinstance(flat, BadContent):
            yield Problem(flat.code, flat.message, OBSERVATIONS.name, answer.uri, flat.row, flat.column)
            continue
        stored = answer.stored
        good[stored.source_file] = answer, flat
        files.append(
            LakeFile(
                answer.uri, stored.key, stored.sha256, stored.bytes, 1, flat.columns, "file", answer.version,
                answer.delivered_at, flat.observed_at, flat.observed_at,
            )
        )  # fmt: skip
    if not files:
        return
    sent = dict.fromkeys(name for _, flat in good.values() for name in flat.pointers)
    columns = (*sent, *OURS)

    def narrow(chosen: Sequence[LakeFile]) -> str:
        return query([good[file.source_file] for file in chosen], columns)

    yield Batch(OBSERVATIONS.name, columns, narrow(files), tuple(files), narrow, ordered=False)
