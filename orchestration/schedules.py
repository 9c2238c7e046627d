"""When each DAG runs: landings by the clock of their publisher, everything else by what landed."""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import Asset, CronTriggerTimetable, MultipleCronTriggerTimetable
from croniter import croniter

from ingestion.settings import value
from ingestion.source import Cadence, Source

log = logging.getLogger(__name__)

WINDOW: dict[Cadence, timedelta] = {
    "monthly": timedelta(days=31),
    "daily": timedelta(days=1),
    "half-hourly": timedelta(minutes=30),
    "nomination cycles": timedelta(days=1),
}
"""The stretch that one run is about, for backfills: the data interval ends when the run is due."""
PATIENCE: dict[Cadence, timedelta] = {
    "monthly": timedelta(hours=12),
    "daily": timedelta(hours=3),
    "half-hourly": timedelta(minutes=25),
    "nomination cycles": timedelta(minutes=60),
}
"""How long after it was queued a landing may be under way before somebody is told."""


def setting(source: Source) -> str:
    """The variable with which a utility gives other times to a source: cron lines, separated by semicolons."""
    return f"{source.name.upper()}_SCHEDULE"


def crons(source: Source) -> tuple[tuple[str, ...], str | None]:
    """The cron lines of a source, and what is wrong with its setting if anything is: then the declared ones stand.

    A slip in one source's setting must not take the other sources' DAGs away.
    """
    asked = tuple(line.strip() for line in (value(setting(source)) or "").split(";") if line.strip())
    if bad := [line for line in asked if len(line.split()) != 5 or not croniter.is_valid(line)]:
        wrong = f"{setting(source)}: {bad[0]!r} is not a cron line of five fields"
        log.error("%s; the times in the declaration of %s are kept", wrong, source.name)
        return source.crons, wrong
    return asked or source.crons, None


def timetable(source: Source) -> MultipleCronTriggerTimetable:
    lines, _ = crons(source)
    return MultipleCronTriggerTimetable(*lines, timezone=source.timezone, interval=WINDOW[source.cadence])


def clock(cron: str) -> CronTriggerTimetable:
    """What the house does by its own clock, in UTC: never before the next time that comes.

    Left alone, Airflow makes up for a time that passed shortly before it was first started, and a build or a check of
    freshness would meet a warehouse in which nothing has landed yet.
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))


def landed(source: str) -> Asset:
    """Something new of the source lies in raw. An event of it carries the names of the landing runs, no data."""
    return Asset(name=f"landed {source}", uri=f"x-meterhouse://raw/{source}", group="landed")


def built(what: str) -> Asset:
    """What hangs on the source (or everything) has been built and tested."""
    return Asset(name=f"built {what}", uri=f"x-meterhouse://marts/{what}", group="built")
