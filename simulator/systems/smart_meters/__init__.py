"""Half-hourly reads of invented meters as files, and the database of their agreements."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from simulator.system import Size, System
from simulator.systems.smart_meters.faults import write_faults
from simulator.systems.smart_meters.meter_world import write_day, write_meters
from simulator.systems.smart_meters.meters import kwh


def write(folder: Path, size: Size) -> dict[str, Any]:
    return write_meters(folder, size.seed, size.meters, size.starts_on, size.until)


def settings(folder: Path, address: str | None) -> dict[str, str]:
    return {
        "SMART_METERS_READINGS": str((folder / "readings").resolve()),
        "SMART_METERS_DATABASE": str((folder / "case_study.db").resolve()),
    }


def write_later_day(folder: Path, size: Size, day: date, out: Path) -> str:
    """The day's values do not depend on how it was delivered: a longer window holds the same."""
    rows, watt_hours = write_day(out, size.seed, size.meters, size.starts_on, size.until, day)
    return f"{rows} half-hours, {kwh(watt_hours)} kWh in {out}"


SYSTEM = System(
    write=write,
    settings=settings,
    about="`readings/*.json` and `case_study.db`, the deliveries of the smart-meter system",
    truth_key="meters",
    summary=lambda truth: f"{truth['rows']:,} half-hours",
    write_faults=write_faults,
    write_day=write_later_day,
)
