"""Cycles of a gas day and when their schedules are posted: NAESB's timetable in Central Clock Time.

A gas day runs from 09:00 to 09:00, so the one before a clock change has 23 or 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")


@dataclass(frozen=True)
class Cycle:
    """A nomination cycle: its id in requests, its name in file names, when it is scheduled."""

    id: int
    name: str
    days: int
    """Calendar days from the gas day to the day of the schedule."""
    at: time
    """Central Clock Time."""

    def due_at(self, gas_day: date) -> datetime:
        """When the schedule is due, UTC."""
        local = datetime.combine(gas_day + timedelta(days=self.days), self.at, CENTRAL)
        return local.astimezone(UTC)


CYCLES = (
    Cycle(0, "Timely", -1, time(17)),
    Cycle(1, "Evening", -1, time(21)),
    Cycle(3, "Intraday 1", 0, time(13)),
    Cycle(4, "Intraday 2", 0, time(17, 30)),
    Cycle(7, "Intraday 3", 0, time(22)),
    Cycle(5, "Final", 1, time(9)),
)
"""In the order of the timetable. Ids 2 and 6 are nobody's."""
