"""An invented water network that delivers the way Abbanoa's systems do: exports of the sensor table, logger files,
node lists. What is true of it, and what its tables of truth say, stands in `truth.py`; what is planted in `plan.py`.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from simulator.system import Size, System
from simulator.systems.abbanoa.broken import write_faults
from simulator.systems.abbanoa.deliveries import write_readings
from simulator.systems.abbanoa.network import ZONES, write_nodes
from simulator.systems.abbanoa.physics import Clock, midnight, zone_series
from simulator.systems.abbanoa.plan import breaks, faults, shut
from simulator.systems.abbanoa.readings import NodeReadings, node_readings
from simulator.systems.abbanoa.truth import write_truth

MOST_DAYS = 50
"""The window is the last so many local days of a world."""


def window(size: Size) -> Clock:
    """The local days, on the finest grid."""
    return Clock(max(size.starts_on, size.until - timedelta(days=MOST_DAYS - 1)), size.until, 5)


def network_readings(seed: int, clock: Clock) -> list[NodeReadings]:
    """What every node sends in a window, zone by zone. A longer window begins with the same."""
    planted, broken = faults(clock), breaks(clock)
    found = []
    for zone in ZONES:
        own = Clock(clock.first_day, clock.until, zone.minutes)
        leaks = {
            fault.starts_at: round(fault.value * 100)
            for fault in planted
            if fault.kind == "night_flow_rise" and fault.district_id == zone.district_id
        }
        for series in zone_series(seed, zone, own, leaks, shut(clock, planted)).values():
            found.append(node_readings(zone, series, own, planted, broken))
    return found


def write(folder: Path, size: Size) -> dict[str, Any]:
    """Writes `readings/` and `nodes/` into `folder` and the tables of the truth beside it; returns what is true."""
    clock = window(size)
    nodes = network_readings(size.seed, clock)
    delivered = write_readings(folder / "readings", clock, nodes)
    lists = write_nodes(folder / "nodes", clock.first_day, clock.until)
    return {**write_truth(folder.parent, clock, nodes, faults(clock), delivered), "node_lists": lists}


def write_day(folder: Path, size: Size, day: date, out: Path) -> str:
    """Writes one local day's deliveries of a world, or of a day after it, into `out`, a file per node or zone.

    ValueError when the day lies before the world's window.
    """
    first = window(size).first_day
    if day < first:
        raise ValueError(f"{day} lies before {first}, the first day of the water readings")
    nodes = network_readings(size.seed, Clock(first, day, 5))
    for node in nodes:
        node.readings = [reading for reading in node.readings if reading.at >= midnight(day)]
    delivered = write_readings(out, Clock(day, day, 5), nodes)
    return f"{sum(delivered.rows.values())} readings of {day} in {out}"


def settings(folder: Path, address: str | None) -> dict[str, str]:
    """Folders to land from; there is no server, so the address is not looked at."""
    return {
        "ABBANOA_READINGS": str((folder / "readings").resolve()),
        "ABBANOA_NODES": str((folder / "nodes").resolve()),
    }


def _summary(truth: dict[str, Any]) -> str:
    return f"{truth['rows']:,} water readings"


SYSTEM = System(
    write=write,
    settings=settings,
    about="readings of an invented water network as its exports and loggers deliver them, and its node lists",
    truth_key="water",
    summary=_summary,
    write_faults=write_faults,
    write_day=write_day,
)
