"""What the nodes sent: the physics, thinned to each node's interval, with the planned faults in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.systems.abbanoa.network import INTERVAL_CHANGE, Node, Zone
from simulator.systems.abbanoa.physics import Clock, Series
from simulator.systems.abbanoa.plan import Break, Fault, interpolated, short_gaps

_UNITS = {"flow": 100, "pressure": 100_000, "temperature": 10}


@dataclass(slots=True)
class Reading:
    """One node at one instant: 0.01 L/s, litres, 0.00001 bar, 0.1 °C. None where the node has no such sensor."""

    at: int
    flow: int | None
    counter: int | None
    pressure: int
    temperature: int
    is_interpolated: bool = False


@dataclass
class NodeReadings:
    """What one node sent, and what is physically true of it on its zone's grid."""

    zone: Zone
    node: Node
    series: Series
    readings: list[Reading]
    breaks: list[Break] = field(default_factory=list)


def node_readings(
    zone: Zone, series: Series, clock: Clock, faults: Iterable[Fault], breaks: Iterable[Break]
) -> NodeReadings:
    """The readings of one node, in order of time, one per instant."""
    node = series.node
    missing = set(short_gaps(clock).get(node.node_id, ()))
    mine = [fault for fault in faults if fault.node_id == node.node_id]
    for fault in mine:
        if fault.kind == "gap":
            missing.update(range(fault.starts_at, fault.ends_at, zone.minutes * 60))
    change = clock.at(INTERVAL_CHANGE)
    later = (node.minutes_later or zone.minutes) * 60
    found = NodeReadings(zone, node, series, [])
    for place, at in enumerate(clock.instants):
        if at in missing or (at >= change and at % later):
            continue
        flow = series.flow[place] if series.flow else None
        counter = series.counter[place] if series.counter else None
        found.readings.append(Reading(at, flow, counter, series.pressure[place], series.temperature[place]))
    for one in breaks:
        if one.node_id == node.node_id:
            _start_anew(found, one)
    for fault in mine:
        _plant(found.readings, fault)
    _fill_in(found.readings, interpolated(clock).get(node.node_id))
    return found


def _start_anew(found: NodeReadings, one: Break) -> None:
    old = next((reading.counter for reading in found.readings if reading.at == one.after), None)
    if old is None:
        raise ValueError(f"no counter of {one.node_id} to break at {one.after}")
    for reading in found.readings:
        if reading.at > one.after and reading.counter is not None:
            reading.counter += one.new_litres - old
    found.breaks.append(one)


def _plant(readings: list[Reading], fault: Fault) -> None:
    touched = [reading for reading in readings if fault.starts_at <= reading.at < fault.ends_at]
    if not touched or fault.kind == "gap":
        return
    stuck = {"flow": touched[0].flow, "pressure": touched[0].pressure}.get(fault.measure)
    for reading in touched:
        flow = reading.flow or 0
        if fault.kind == "statistical_outlier":
            reading.flow = round(flow * fault.value)
        elif fault.kind == "no_flow":
            reading.flow = 0
        elif fault.kind == "mismapped_pressure":
            # 0.01 L/s times a factor of three places, in 0.00001 bar: exact.
            reading.pressure = flow * round(fault.value * 1000)
        elif fault.kind == "out_of_range":
            setattr(reading, fault.measure, round(fault.value * _UNITS[fault.measure]))
        elif fault.kind == "flat_line":
            setattr(reading, fault.measure, stuck)


def _fill_in(readings: list[Reading], instants: range | None) -> None:
    """A straight line of flow between the readings around those instants."""
    if not instants:
        return
    inside = [place for place, reading in enumerate(readings) if reading.at in instants]
    if not inside or inside[0] == 0 or inside[-1] + 1 >= len(readings):
        return
    before, after = readings[inside[0] - 1].flow or 0, readings[inside[-1] + 1].flow or 0
    for number, place in enumerate(inside, 1):
        readings[place].flow = before + (after - before) * number // (len(inside) + 1)
        readings[place].is_interpolated = True
