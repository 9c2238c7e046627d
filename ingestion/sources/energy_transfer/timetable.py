"""The nomination cycles of a gas day, and when each is scheduled: the NAESB timetable (FERC Order 809).

Central Clock Time is the wall clock of America/Chicago: a gas day goes from 09:00 to 09:00 and so lasts 23 or 25 hours
when the clocks change. Final is not in the timetable; it is expected once the gas day is over. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
GAS_DAY_BEGINS = time(9)


@dataclass(frozen=True)
class Cycle:
    """One cycle: the publisher's id and name, and when its scheduled quantities are due (Central Clock Time)."""

    id: str
    name: str
    days_after: int
    """Days from the gas day to the day on which it is due."""
    at: time


CYCLES = (
    Cycle("0", "Timely", -1, time(17)),
    Cycle("1", "Evening", -1, time(21)),
    Cycle("3", "Intraday 1", 0, time(13)),
    Cycle("4", "Intraday 2", 0, time(17, 30)),
    Cycle("7", "Intraday 3", 0, time(22)),
    Cycle("5", "Final", 1, time(9)),
)
"""In the order in which they follow each other."""


def due_at(gas_day: date, cycle: Cycle) -> datetime:
    """When the cycle of that gas day is scheduled, UTC."""
    local = datetime.combine(gas_day + timedelta(days=cycle.days_after), cycle.at, CENTRAL)
    return local.astimezone(UTC)


def due(gas_day: date, at: datetime) -> tuple[Cycle, ...]:
    """The cycles of that gas day that are scheduled by then, in their order. `at` has a zone."""
    return tuple(cycle for cycle in CYCLES if due_at(gas_day, cycle) <= at)


def gas_day_of(at: datetime) -> date:
    """The gas day that is flowing at that instant."""
    local = at.astimezone(CENTRAL)
    return local.date() if local.time() >= GAS_DAY_BEGINS else local.date() - timedelta(days=1)


def latest_gas_day(at: datetime) -> date:
    """The last gas day of which any cycle is due: tomorrow's in the evening, when Timely has been scheduled."""
    tomorrow = at.astimezone(CENTRAL).date() + timedelta(days=1)
    return tomorrow if due(tomorrow, at) else tomorrow - timedelta(days=1)


def gas_day_bounds(gas_day: date) -> tuple[datetime, datetime]:
    """From (in) and to (out) of the gas day, UTC: 24 hours, or 23 or 25."""
    begins, ends = (datetime.combine(day, GAS_DAY_BEGINS, CENTRAL) for day in (gas_day, gas_day + timedelta(days=1)))
    return begins.astimezone(UTC), ends.astimezone(UTC)


def cycle_of(text: str) -> Cycle | None:
    """The cycle of an id or a name, however the name is spaced or written (`Intraday_1`)."""
    bare = _bare(text)
    return next((cycle for cycle in CYCLES if bare in (cycle.id, _bare(cycle.name))), None)


def named(cycles: Sequence[Cycle] = CYCLES) -> str:
    """Ids with names, for messages."""
    return ", ".join(f"{cycle.id} {cycle.name}" for cycle in cycles)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
