"""What is planted, where and when: faults of sensors, leaks, breaks of counters, and oddities that are no fault.

Days are counted from the first day of the window, hours are local. Before day 21 there is no fault at all: the first
week lets a detector learn, the two weeks after it are the stated clean ones. Quartucciu has none in the whole window.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.systems.abbanoa.network import EXCHANGE_DAY, NODES
from simulator.systems.abbanoa.physics import Clock

CLEAN_DAYS = (7, 21)
"""First day of the stated clean weeks and the day after their last."""
CLEAN_ZONE = "DIST_002"
DUPLICATED, DUPLICATED_DAYS = "node-ginepro", (10, 13)
LATE, LATE_DAY = "921102", 16
OVERLAP_DAYS = (18, 20)


@dataclass(frozen=True)
class Order:
    """One fault to plant. `value` is what is done: a factor, or what the sensor says, in the measure's own unit."""

    kind: str
    node_id: str
    measure: str
    day: int
    hour: int
    minute: int
    minutes: int
    value: float
    note: str


@dataclass(frozen=True)
class Fault:
    """A planted fault, as the truth tells it: half-open, in seconds since 1970. A leak has a district and no node."""

    kind: str
    node_id: str
    district_id: str
    measure: str
    starts_at: int
    ends_at: int
    value: float
    note: str


_HOUR, _DAY = 60, 24 * 60
ORDERS = (
    Order("statistical_outlier", "node-mirto", "flow", 22, 14, 0, 30, 2.6, "spike"),
    Order("statistical_outlier", "921105", "flow", 24, 10, 0, 15, 3.0, "spike of one reading"),
    Order("statistical_outlier", "923302", "flow", 27, 11, 0, 45, 0.12, "dip"),
    Order("statistical_outlier", "924403", "flow", 30, 12, 30, 30, 2.4, "spike"),
    Order("statistical_outlier", "921101", "flow", 33, 9, 30, 30, 0.25, "dip of an input"),
    Order("statistical_outlier", "924404", "flow", 38, 18, 0, 15, 0.12, "dip"),
    Order("statistical_outlier", "921102", "flow", 46, 13, 0, 30, 2.2, "spike of an input"),
    Order("out_of_range", "node-mirto", "flow", 25, 15, 15, 15, 1200.0, "flow above 1000 L/s"),
    Order("out_of_range", "node-ginepro", "pressure", 28, 3, 0, 30, 25.0, "pressure above 20 bar"),
    Order("out_of_range", "923303", "pressure", 23, 16, 0, 30, -1.5, "negative pressure"),
    Order("out_of_range", "924401", "flow", 29, 20, 0, 10, 1200.0, "flow of an input above 1000 L/s"),
    Order("out_of_range", "924406", "temperature", 34, 8, 0, 45, 75.0, "temperature above 50"),
    Order("out_of_range", "923302", "flow", 31, 7, 0, 15, -4.2, "negative flow"),
    Order("flat_line", "node-ginepro", "flow", 23, 6, 0, 8 * _HOUR, 0, "stuck while the counter moves on"),
    Order("flat_line", "923303", "flow", 29, 5, 0, 11 * _HOUR, 0, "stuck while the counter moves on"),
    Order("flat_line", "924403", "flow", 36, 7, 0, 5 * _HOUR, 0, "stuck while the counter moves on"),
    Order("flat_line", "921101", "flow", 45, 8, 0, 6 * _HOUR, 0, "input stuck while the counter moves on"),
    Order("flat_line", "924404", "pressure", 24, 9, 0, 10 * _HOUR, 0, "pressure stuck while the flow changes"),
    Order("gap", "921105", "all", 27, 10, 0, 90, 0, "an hour and a half"),
    Order("gap", "923302", "all", 22, 13, 0, 3 * _HOUR, 0, "three hours"),
    Order("gap", "924402", "all", 31, 1, 0, 8 * _HOUR, 0, "an input silent at night: the night's minimum is not known"),
    Order("gap", "node-ginepro", "all", 37, 0, 15, 2 * _DAY - 15, 0, "an output silent for two local days"),
    Order(
        "gap", "924406", "all", 40, 15, 0, 2 * _HOUR, 0, "eight readings of a node that reads every 15 minutes by now"
    ),
    Order("gap", "924403", "all", 26, 22, 0, 6 * _HOUR, 0, "across local midnight"),
    Order("gap", "924401", "all", 41, 0, 30, 3 * _HOUR, 0, "an input silent in the night of the spring clock change"),
    Order("mismapped_pressure", "921105", "pressure", 30, 0, 0, 3 * _DAY, 4.44, "flow times 4.44"),
    Order("mismapped_pressure", "923303", "pressure", 25, 12, 0, 2 * _DAY, 1.75, "flow times 1.75"),
    Order("mismapped_pressure", "923304", "pressure", 26, 0, 0, 4 * _DAY, 1.111, "flow times 1.111"),
    Order(
        "mismapped_pressure", "924404", "pressure", 28, 0, 0, 2 * _DAY, 4.44, "flow times 4.44, at times above 20 bar"
    ),
    Order("no_flow", "node-mirto", "flow", 35, 9, 0, 5 * _HOUR, 0, "the counter moves on: the sensor"),
    Order("no_flow", "923303", "flow", 32, 10, 0, 4 * _HOUR, 0, "the counter moves on: the sensor"),
    Order("no_flow", "924404", "flow", 33, 11, 0, 6 * _HOUR, 0, "the counter moves on: the sensor"),
    Order("no_flow", "924406", "flow", 27, 7, 0, 8 * _HOUR, 0, "the counter stands: the valve was shut"),
    Order("no_flow", "node-ginepro", "flow", 43, 8, 0, 3 * _HOUR, 0, "the counter moves on: the sensor"),
)
LEAKS = (("DIST_003", 35, 0.8), ("DIST_004", 43, 1.8))
"""Zone, first day, litres per second that the inflow gains from that local midnight on."""


@dataclass(frozen=True)
class Break:
    """A counter that starts anew, right after the reading at an instant: it counts on from `new_m3`."""

    kind: str
    node_id: str
    after: int
    new_litres: int


def faults(clock: Clock) -> list[Fault]:
    """Those that begin in the window, in order of time, cut where the window ends."""
    found = []
    for order in ORDERS:
        starts_at = clock.at(order.day, order.hour, order.minute)
        ends_at = min(starts_at + order.minutes * 60, clock.ends_at)
        if starts_at < ends_at:
            where = order.node_id, NODES[order.node_id][0].district_id
            found.append(Fault(order.kind, *where, order.measure, starts_at, ends_at, order.value, order.note))
    for district_id, day, litres in LEAKS:
        starts_at = clock.at(day)
        if starts_at < clock.ends_at:
            note = f"a leak adds {litres} L/s to the inflow until the window ends"
            found.append(Fault("night_flow_rise", "", district_id, "flow", starts_at, clock.ends_at, litres, note))
    return sorted(found, key=lambda fault: (fault.starts_at, fault.node_id))


def breaks(clock: Clock) -> list[Break]:
    """A counter that was set to zero, and a meter exchanged for one that had counted elsewhere."""
    planted = (
        Break("reset", "924404", clock.at(12, 10, 0), 0),
        Break("exchange", "node-mirto", clock.at(EXCHANGE_DAY, 10, 15), 1_234_567),
    )
    return [one for one in planted if one.after + 3600 < clock.ends_at]


def interpolated(clock: Clock) -> dict[str, range]:
    """Instants that the source filled in by itself, per node."""
    return {
        "921101": range(clock.at(9, 4), clock.at(9, 5, 30), 900),
        "924401": range(clock.at(18, 15), clock.at(18, 16), 300),
    }


def short_gaps(clock: Clock) -> dict[str, range]:
    """Readings that lack for less than an hour: not complete, and no fault."""
    return {
        "node-mirto": range(clock.at(29, 11), clock.at(29, 11, 30), 900),
        "924402": range(clock.at(15, 17), clock.at(15, 17, 20), 300),
    }


def shut(clock: Clock, planted: list[Fault]) -> dict[str, range]:
    """Instants at which nothing flows for real, on the five-minute grid."""
    return {
        fault.node_id: range(fault.starts_at, fault.ends_at, NODES[fault.node_id][0].minutes * 60)
        for fault in planted
        if fault.kind == "no_flow" and "valve" in fault.note
    }
