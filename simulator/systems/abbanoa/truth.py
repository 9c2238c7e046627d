"""What is true of the water world, added up while it is made, in whole litres and hundredths of L/s.

Stamps are UTC without a zone (`2021-03-28 00:30:00`), intervals half-open, local days those of Europe/Rome. Kept
readings are the distinct instants of a node; where a file says two things of one instant, its later row counts.

`truth_water_anomalies.csv`, one row per planted fault: anomaly_type, node_id (empty for a leak, which has its
district only), district_id, measurement_type (flow, pressure, temperature, all), starts_at (first faulty or missing
instant), ends_at (first good one after it; for a leak the end of the window), note.

`truth_water_readings.csv`, one row per node: rows_delivered, distinct_readings, duplicate_rows (rows beyond the first
of their instant, over all files), conflicting_rows (of these, rows of an instant whose rows differ), rejected_rows,
log_values (cells with a value in logger files), flow_lps_sum and flow_readings of the kept readings, first_read_at,
last_read_at, volume_m3 (what flowed through in the window), counter_breaks (resets and exchanges).

`truth_water_daily.csv`, one row per node and local day: expected_readings by the interval in force (23 or 25 hours on
the days of the clock changes), readings (kept), flow_lps_sum, flow_lps_min, flow_lps_max (kept, as sent, faults
included), volume_m3 (what really flowed through between the two local midnights), is_exact (both midnights have a
kept counter, no counter broke that day: the difference of the two counters is volume_m3). The window's last day is
never exact, for it ends before its second midnight is read.

`truth_water_balance.csv`, one row per zone and local day, and one per day for `network`: input_m3, output_m3, loss_m3
(really, from the physics), meters, silent_meters (those with under half of their expected readings), is_exact (all
meters are exact). With a silent meter the balance cannot be known from the readings.

`truth_water_night_flow.csv`, one row per zone and night (local date): the inflow in local [02:00, 05:00): instants,
complete_instants (all inputs delivered), minimum_flow_lps and mean_flow_lps (really, over all instants), is_complete
(all instants complete and no sensor of an input faulty).

In truth.json, `table_rows` are rows of the two tables that files become, duplicates included: rows of the exports, and
cells of the logger files (`empty_cells` of them without a value). `files` lists every delivery with its dialect and
encoding, `node_lists` the node lists, `planted` also what is no fault: breaks of counters and interpolated rows.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from simulator.planted import Planted
from simulator.systems.abbanoa.deliveries import Delivered
from simulator.systems.abbanoa.network import INTERVAL_CHANGE, ZONES, Zone
from simulator.systems.abbanoa.physics import Clock, litres, local_clock
from simulator.systems.abbanoa.plan import CLEAN_DAYS, CLEAN_ZONE, Fault
from simulator.systems.abbanoa.readings import NodeReadings
from simulator.systems.abbanoa.texts import lps, m3, utc_text

NETWORK = "network"
NIGHT_HOURS = (2, 5)
HEADERS = {
    "anomalies": ("anomaly_type", "node_id", "district_id", "measurement_type", "starts_at", "ends_at", "note"),
    "readings": (
        "node_id", "district_id", "rows_delivered", "distinct_readings", "duplicate_rows", "conflicting_rows",
        "rejected_rows", "log_values", "flow_readings", "flow_lps_sum", "first_read_at", "last_read_at", "volume_m3",
        "counter_breaks",
    ),
    "daily": (
        "node_id", "local_date", "expected_readings", "readings", "flow_lps_sum", "flow_lps_min", "flow_lps_max",
        "volume_m3", "is_exact",
    ),
    "balance": (
        "district_id", "local_date", "input_m3", "output_m3", "loss_m3", "meters", "silent_meters", "is_exact",
    ),
    "night_flow": (
        "district_id", "local_date", "instants", "complete_instants", "minimum_flow_lps", "mean_flow_lps",
        "is_complete",
    ),
}  # fmt: skip


@dataclass
class _Day:
    """One node on one local day."""

    expected: int = 0
    kept: int = 0
    flow_sum: int = 0
    flow_least: int | None = None
    flow_most: int | None = None
    litres: int = 0
    is_exact: bool = True

    @property
    def is_silent(self) -> bool:
        return 2 * self.kept < self.expected


def write_truth(
    folder: Path, clock: Clock, nodes: Sequence[NodeReadings], faults: Iterable[Fault], delivered: Delivered
) -> dict[str, Any]:
    """Writes the tables beside a world's `abbanoa` folder; returns its part of truth.json."""
    faults = list(faults)
    _put(
        folder,
        "anomalies",
        (
            (
                one.kind,
                one.node_id,
                one.district_id,
                one.measure,
                utc_text(one.starts_at),
                utc_text(one.ends_at),
                one.note,
            )
            for one in faults
        ),
    )
    days = {node.node.node_id: _days(node, clock) for node in nodes}
    _put(folder, "readings", (_reading_row(node, delivered) for node in nodes))
    _put(folder, "daily", (row for node in nodes for row in _daily_rows(node, days[node.node.node_id])))
    balance = list(_balance_rows(nodes, days))
    _put(folder, "balance", balance)
    _put(folder, "night_flow", (row for zone in ZONES for row in _nights(zone, nodes, clock, faults)))
    return _summary(clock, nodes, faults, delivered)


def _put(folder: Path, name: str, rows: Iterable[Sequence[object]]) -> None:
    with (folder / f"truth_water_{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADERS[name])
        writer.writerows([str(value).lower() if isinstance(value, bool) else value for value in row] for row in rows)


def _days(node: NodeReadings, clock: Clock) -> dict[date, _Day]:
    minutes, change = node.zone.minutes, clock.at(INTERVAL_CHANGE)
    later = (node.node.minutes_later or minutes) * 60
    kept = {reading.at: reading for reading in node.readings}
    found: dict[date, _Day] = {}
    grid = Clock(clock.first_day, clock.until, minutes).instants
    for place, (at, local) in enumerate(zip(grid, local_clock(grid), strict=True)):
        day = found.get(local.date())
        if day is None:
            # A day without its midnight's counter leaves the day before without its end, too.
            day = found[local.date()] = _Day(is_exact=at in kept)
            previous = list(found.values())[-2] if len(found) > 1 else None
            if previous is not None and not day.is_exact:
                previous.is_exact = False
        if node.series.flow:
            day.litres += litres(node.series.flow[place], minutes)
        day.expected += at < change or at % later == 0
        reading = kept.get(at)
        if reading is not None:
            day.kept += 1
            if reading.flow is not None:
                day.flow_sum += reading.flow
                day.flow_least = reading.flow if day.flow_least is None else min(day.flow_least, reading.flow)
                day.flow_most = reading.flow if day.flow_most is None else max(day.flow_most, reading.flow)
    list(found.values())[-1].is_exact = False
    for one in node.breaks:
        found[local_clock([one.after])[0].date()].is_exact = False
    if not node.node.has_flow:
        for day in found.values():
            day.is_exact = False
    return found


def _reading_row(node: NodeReadings, delivered: Delivered) -> tuple[object, ...]:
    identifier, flows = node.node.node_id, [one.flow for one in node.readings if one.flow is not None]
    conflicts = delivered.conflicts[identifier]
    return (
        identifier,
        node.zone.district_id,
        delivered.rows[identifier],
        len(node.readings),
        delivered.rows[identifier] - len(node.readings),
        conflicts,
        0,
        delivered.log_values[identifier],
        len(flows),
        lps(sum(flows)),
        utc_text(node.readings[0].at),
        utc_text(node.readings[-1].at),
        m3(sum(litres(flow, node.zone.minutes) for flow in node.series.flow)),
        len(node.breaks),
    )


def _daily_rows(node: NodeReadings, days: dict[date, _Day]) -> Iterable[tuple[object, ...]]:
    for local_date, day in days.items():
        least = "" if day.flow_least is None else lps(day.flow_least)
        most = "" if day.flow_most is None else lps(day.flow_most)
        total, volume = (lps(day.flow_sum), m3(day.litres)) if node.node.has_flow else ("", "")
        yield node.node.node_id, local_date, day.expected, day.kept, total, least, most, volume, day.is_exact


def _balance_rows(nodes: Sequence[NodeReadings], days: dict[str, dict[date, _Day]]) -> Iterable[tuple[object, ...]]:
    zones = [(zone.district_id, [node for node in nodes if node.zone is zone]) for zone in ZONES]
    for district_id, members in [*zones, (NETWORK, list(nodes))]:
        meters = [node.node for node in members if node.node.is_input or node.node.is_output]
        for local_date in next(iter(days.values())):
            input_litres = sum(days[node.node_id][local_date].litres for node in meters if node.is_input)
            output_litres = sum(days[node.node_id][local_date].litres for node in meters if node.is_output)
            of_day = [days[node.node_id][local_date] for node in meters]
            yield (
                district_id,
                local_date,
                m3(input_litres),
                m3(output_litres),
                m3(input_litres - output_litres),
                len(meters),
                sum(day.is_silent for day in of_day),
                all(day.is_exact for day in of_day),
            )


def _nights(
    zone: Zone, nodes: Sequence[NodeReadings], clock: Clock, faults: list[Fault]
) -> Iterable[tuple[object, ...]]:
    inputs = [node for node in nodes if node.zone is zone and node.node.is_input]
    kept = [{reading.at for reading in node.readings} for node in inputs]
    mine = {node.node.node_id for node in inputs}
    faulty = [fault for fault in faults if fault.node_id in mine]
    grid = Clock(clock.first_day, clock.until, zone.minutes).instants
    nights: dict[date, list[tuple[int, int, bool, bool]]] = {}
    for place, (at, local) in enumerate(zip(grid, local_clock(grid), strict=True)):
        if NIGHT_HOURS[0] <= local.hour < NIGHT_HOURS[1]:
            flow = sum(node.series.flow[place] for node in inputs)
            is_complete = all(at in found for found in kept)
            is_sound = not any(fault.starts_at <= at < fault.ends_at for fault in faulty)
            nights.setdefault(local.date(), []).append((at, flow, is_complete, is_sound))
    for local_date, instants in nights.items():
        flows = [flow for _, flow, _, _ in instants]
        complete = sum(one for _, _, one, _ in instants)
        # Four places: a mean of hundredths seldom ends.
        mean = sum(flows) * 100 / len(flows)
        yield (
            zone.district_id,
            local_date,
            len(instants),
            complete,
            lps(min(flows)),
            f"{round(mean) / 10_000:.4f}",
            complete == len(instants) and all(one for _, _, _, one in instants),
        )


def _summary(clock: Clock, nodes: Sequence[NodeReadings], faults: list[Fault], delivered: Delivered) -> dict[str, Any]:
    planted = Planted()
    for one in faults:
        place = {
            "node_id": one.node_id or None,
            "district_id": one.district_id,
            "starts_at": utc_text(one.starts_at),
            "ends_at": utc_text(one.ends_at),
        }
        planted.add(one.kind, place, means="a fault that `anomalies` must find; see truth_water_anomalies.csv")
    for node in nodes:
        for broken in node.breaks:
            place = {"node_id": node.node.node_id, "after": utc_text(broken.after), "new_m3": m3(broken.new_litres)}
            planted.add(f"counter {broken.kind}", place, means="the counter goes on from new_m3 after that reading")
        filled = sum(reading.is_interpolated for reading in node.readings)
        if filled:
            planted.add(
                "interpolated", {"node_id": node.node.node_id, "rows": filled}, means="flow filled in by the source"
            )
    exported = {zone.district_id for zone in ZONES if not zone.dialect.startswith("logger")}
    table_rows = {
        "sensor_readings": sum(
            delivered.rows[node.node.node_id] for node in nodes if node.zone.district_id in exported
        ),
        "sensor_logs": sum(delivered.log_values.values()) + delivered.empty_cells,
    }
    clean = [Clock(clock.first_day, clock.until, 5).at(day) for day in CLEAN_DAYS]
    total = {"input": 0, "output": 0}
    for node in nodes:
        kind = "input" if node.node.is_input else "output" if node.node.is_output else ""
        if kind:
            total[kind] += sum(litres(flow, node.zone.minutes) for flow in node.series.flow)
    return {
        "first_day": str(clock.first_day),
        "until": str(clock.until),
        "zone_of_stamps": "Europe/Rome",
        "rows": sum(len(node.readings) for node in nodes),
        "rows_delivered": sum(delivered.rows.values()),
        "table_rows": table_rows,
        "empty_cells": delivered.empty_cells,
        "input_m3": m3(total["input"]),
        "output_m3": m3(total["output"]),
        "clean_weeks": {"starts_at": utc_text(clean[0]), "ends_at": utc_text(clean[1])},
        "clean_district": CLEAN_ZONE,
        "night_hours": list(NIGHT_HOURS),
        "anomalies": dict(sorted(Counter(one.kind for one in faults).items())),
        "files": delivered.files,
        "planted": planted.listed(),
    }
