"""What the simulator must know of a system to show it: one `System` per folder in `simulator/systems`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from simulator.wire import Station


@dataclass(frozen=True)
class Size:
    """How large a world is. `until` is the last local day (Europe/London) of the reads.

    `history_days` bounds how far back systems reach that keep a day's deliveries for themselves: with fewer than the
    default, some of what they plant lies before their window.
    """

    seed: int = 20210101
    bills: int = 12_000
    meters: int = 60
    starts_on: date = date(2020, 10, 15)
    until: date = date(2021, 4, 5)
    history_days: int = 45

    def with_half_hours(self, half_hours: int) -> Size:
        """The same window with as many meters as come nearest to that many half-hours."""
        days = (self.starts_on, self.until + timedelta(days=1))
        first, end = (datetime.combine(day, time(), ZoneInfo("Europe/London")).astimezone(UTC) for day in days)
        return replace(self, meters=max(1, round(half_hours / ((end - first) / timedelta(minutes=30)))))

    @property
    def now(self) -> datetime:
        """The instant at which the world is looked at, UTC: in the afternoon after the last day."""
        return datetime.combine(self.until + timedelta(days=1), time(15, 30), UTC)


class Serve(Protocol):
    """Starts a system's server over the folder that `write` filled."""

    def __call__(
        self, folder: Path, now: datetime, *, generation: int = 1, port: int = 0
    ) -> AbstractContextManager[Station]:
        """The server as it stands at `now` (UTC). `generation` 2 is a later edition, for systems that have one."""
        ...


@dataclass(frozen=True)
class System:
    """One simulated system. Its name is that of its folder, which is the source's name in every room.

    `folder` is always the system's own, `<world>/<name>`; it exists. Tables of truth are written beside it, as
    `<world>/truth_*.csv`.
    """

    write: Callable[[Path, Size], dict[str, Any]]
    """Writes deliveries, the same bytes for the same size; returns what is true about them, for truth.json."""
    settings: Callable[[Path, str | None], dict[str, str]]
    """Every setting that points ingestion here; the address is None where only the names are asked for."""
    about: str
    """One line for the world's README: what lies in the folder."""
    truth_key: str = ""
    """Where its truth stands in truth.json; the system's name when empty."""
    summary: Callable[[dict[str, Any]], str] | None = None
    """What `make` says of its truth, such as `12,000 bills`."""
    serve: Serve | None = None
    write_faults: Callable[[Path], Any] | None = None
    """Writes broken and odd deliveries into the fault set's folder of the system; returns the truth about them."""
    write_day: Callable[[Path, Size, date, Path], str] | None = None
    """Writes one more day, given the world's folder of the system and its size; returns what to say of it."""
