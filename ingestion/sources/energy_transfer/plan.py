"""What to ask for: which cycles of which gas days, by the timetable and by what has landed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ingestion.source import Run, SourceError
from ingestion.sources.energy_transfer.settings import Asset, split
from ingestion.sources.energy_transfer.timetable import CYCLES, Cycle, cycle_of, due, gas_day_of, latest_gas_day, named

log = logging.getLogger(__name__)

TABLE = "operational_capacity"
LOOK_BACK_DAYS = 3
"""A cycle may be posted again, changed: so many gas days before the one that flows are looked at again."""
CATCH_UP_DAYS = 30
"""After a pause, polling takes up by itself where it ended; after a longer one, only when it is told to."""

_LABEL = re.compile(r"([A-Za-z0-9]+)_(\d{4}-\d\d-\d\d)_(\d+)")


@dataclass(frozen=True)
class Wanted:
    """One posting to ask for."""

    asset: Asset
    gas_day: date
    cycle: Cycle

    @property
    def label(self) -> str:
        """What the file itself does not say, as the lake's name tells it."""
        return f"{self.asset.name}_{self.gas_day}_{self.cycle.id}"

    def __str__(self) -> str:
        return f"{self.asset.name}, gas day {self.gas_day}, {self.cycle.name}"


def landed(run: Run) -> dict[str, str]:
    """SHA-256 of what was landed last of each posting, by its label."""
    found = run.query(
        "select source_file, sha256 from raw.landed_files "
        f"where source = 'energy_transfer' and table_name = '{TABLE}' order by _dlt_load_id"
    )
    return {str(name).partition("@")[2]: str(sha) for name, sha in found}


def wanted(run: Run, assets: tuple[Asset, ...], known: Mapping[str, str]) -> list[Wanted]:
    """Postings to ask for: those due by `run.logical_at`, oldest gas day first. Raises SourceError `CONFIG_PARAM`.

    Without `--since` and `--until` from three gas days back (or where an earlier run ended, or where history begins);
    `--param asset=` and `--param cycle=` (ids or names, separated by commas) narrow it down.
    """
    chosen, cycles = _assets(run, assets), _cycles(run)
    found = []
    for asset in chosen:
        first, last = _days(run, asset, known)
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            found += [Wanted(asset, day, cycle) for cycle in due(day, run.logical_at) if cycle in cycles]
    return sorted(found, key=lambda one: one.gas_day)


def _days(run: Run, asset: Asset, known: Mapping[str, str]) -> tuple[date, date]:
    last = min(run.until, latest_gas_day(run.logical_at)) if run.until else latest_gas_day(run.logical_at)
    if run.since:
        return run.since, last
    if run.until:
        return last - timedelta(days=LOOK_BACK_DAYS), last
    return _polled_from(asset, list(_landed_days(asset, known)), run.logical_at), last


def _polled_from(asset: Asset, days: list[date], at: datetime) -> date:
    usual = gas_day_of(at) - timedelta(days=LOOK_BACK_DAYS)
    if not days:
        return min(usual, asset.history_from) if asset.history_from else usual
    ended = max(days) - timedelta(days=LOOK_BACK_DAYS)
    if (usual - ended).days > CATCH_UP_DAYS:
        log.warning(
            "%s: nothing has landed since gas day %s; for the days between: land energy_transfer --param asset=%s "
            "--since %s --until %s", asset.name, max(days), asset.name, max(days), usual,
        )  # fmt: skip
        return usual
    return min(usual, ended)


def _landed_days(asset: Asset, known: Mapping[str, str]) -> Iterator[date]:
    for label in known:
        found = _LABEL.fullmatch(label)
        if found and found[1] == asset.name:
            yield date.fromisoformat(found[2])


def _assets(run: Run, assets: tuple[Asset, ...]) -> tuple[Asset, ...]:
    given = split(run.params.get("asset"))
    by_name = {asset.name: asset for asset in assets}
    if unknown := [name for name in given if name not in by_name]:
        there = ", ".join(by_name)
        message = f"asset {', '.join(unknown)[:80]} is not configured (ENERGY_TRANSFER_ASSETS); there are: {there}"
        raise SourceError("CONFIG_PARAM", message)
    return tuple(by_name[name] for name in dict.fromkeys(given)) or assets


def _cycles(run: Run) -> set[Cycle]:
    given = [part for part in run.params.get("cycle", "").split(",") if part.strip()]
    found = [cycle_of(part) for part in given]
    if None in found:
        raise SourceError("CONFIG_PARAM", f"cycle {run.params['cycle'][:80]!r} is none; there are: {named()}")
    return {cycle for cycle in found if cycle} or set(CYCLES)
