"""What flows: demand, loss, pressure, temperature and counters of one zone, in whole numbers.

Flow is kept in hundredths of a litre per second and counters in litres, so an interval of 5, 15 or 30 minutes is a
whole number of litres and every volume is exact. A flow belongs to the interval that begins at its stamp; the counter
stands at its stamp: `counter(t + interval) = counter(t) + flow(t) * interval`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from simulator.systems.abbanoa.network import INTERVAL_CHANGE, Node, Zone

ROME = ZoneInfo("Europe/Rome")
# Share of the mean that customers draw, per local hour; with a loss of half the inflow, the inflow shows 0.73 at night
# and 1.2 in the morning.
_HOURS = (
    0.72, 0.56, 0.46, 0.43, 0.43, 0.52, 0.78, 1.18, 1.33, 1.48, 1.38, 1.27,
    1.24, 1.24, 1.22, 1.17, 1.10, 1.12, 1.16, 1.17, 1.14, 1.07, 0.97, 0.86,
)  # fmt: skip
_WEEKDAYS = (1.01, 1.02, 1.02, 1.01, 1.0, 0.98, 0.96)
_MOST_SIGMAS = 3.0


@dataclass(frozen=True)
class Clock:
    """The instants of a window of local days on an even grid, as seconds since 1970."""

    first_day: date
    until: date
    minutes: int

    @property
    def starts_at(self) -> int:
        return midnight(self.first_day)

    @property
    def ends_at(self) -> int:
        return midnight(self.until + timedelta(days=1))

    @property
    def instants(self) -> range:
        return range(self.starts_at, self.ends_at, self.minutes * 60)

    def at(self, day: int, hour: int = 0, minute: int = 0) -> int:
        """The instant of a local wall clock time on the n-th day of the window."""
        moment = datetime.combine(self.first_day + timedelta(days=day), datetime.min.time(), ROME)
        return int(moment.replace(hour=hour, minute=minute).timestamp())


def midnight(day: date) -> int:
    """When a local day begins, as seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ROME).timestamp())


def local_clock(instants: Iterable[int]) -> list[datetime]:
    """Naive local stamps; the hour that repeats in autumn comes twice."""
    offsets: dict[int, int] = {}
    stamps = []
    zero = datetime(1970, 1, 1)  # noqa: DTZ001
    for instant in instants:
        hour = instant // 3600
        offset = offsets.get(hour)
        if offset is None:
            shift = datetime.fromtimestamp(instant, UTC).astimezone(ROME).utcoffset()
            assert shift is not None
            offset = offsets[hour] = int(shift.total_seconds())
        stamps.append(zero + timedelta(seconds=instant + offset))
    return stamps


@dataclass
class Series:
    """One node on its zone's grid: 0.01 L/s, litres counted, 0.00001 bar, 0.1 °C."""

    node: Node
    flow: list[int] = field(default_factory=list)
    counter: list[int] = field(default_factory=list)
    pressure: list[int] = field(default_factory=list)
    temperature: list[int] = field(default_factory=list)


def zone_series(
    seed: int, zone: Zone, clock: Clock, leaks: Mapping[int, int], closed: Mapping[str, range]
) -> dict[str, Series]:
    """Every node of a zone. `leaks` adds 0.01 L/s to the inflow from an instant on; `closed` stops the flow of a node
    that is in no balance."""
    instants = clock.instants
    local = local_clock(instants)
    day_factor: dict[date, float] = {}
    for stamp in local:
        if stamp.date() not in day_factor:
            extra = random.Random(f"{seed}/water/{zone.district_id}/{stamp.date()}").gauss(0.0, 0.012)
            day_factor[stamp.date()] = _WEEKDAYS[stamp.weekday()] * (1 + extra)
    common = _wander(random.Random(f"{seed}/water/{zone.district_id}"), len(instants), clock.minutes, 0.03, 120)
    shape = _shape()
    demand = [
        shape[(stamp.hour * 60 + stamp.minute) // 5] * day_factor[stamp.date()] * (1 + drift)
        for stamp, drift in zip(local, common, strict=True)
    ]
    found: dict[str, Series] = {}
    for node in zone.nodes:
        series = found[node.node_id] = Series(node)
        if node.mean_lps is not None:
            series.flow = _drawn(seed, node, demand, clock)
            for at in closed.get(node.node_id, ()):
                series.flow[(at - clock.starts_at) // (clock.minutes * 60)] = 0
    outputs = [found[node.node_id].flow for node in zone.nodes if node.is_output]
    lost = _lost(seed, zone, clock, demand, leaks)
    inflow = [sum(parts) + loss for *parts, loss in zip(*outputs, lost, strict=True)]
    _share_out(seed, zone, inflow, found, clock)
    for number, node in enumerate(zone.nodes):
        series = found[node.node_id]
        if not node.has_flow:
            series.flow = []
        series.counter = _counted(node.counter_m3 * 1000, series.flow, clock.minutes)
        rng = random.Random(f"{seed}/water/pressure/{node.node_id}")
        rest = 5.6 - 0.35 * number
        # Thousandths would repeat too seldom and tenths too often for a sensor.
        series.pressure = [
            round(100 * (rest - 0.95 * level + 0.28 * drift)) * 1000
            for level, drift in zip(demand, _wander(rng, len(instants), clock.minutes, 0.25, 40), strict=True)
        ]
        rng = random.Random(f"{seed}/water/temperature/{node.node_id}")
        warm = _wander(rng, len(instants), clock.minutes, 0.3, 600)
        days = [(at - clock.starts_at) / 86_400 for at in instants]
        series.temperature = [
            round(10 * (16.6 + 0.3 * number + 0.036 * age + 0.7 * math.sin((stamp.hour - 9) / 24 * math.tau) + drift))
            for age, stamp, drift in zip(days, local, warm, strict=True)
        ]
    return found


def _shape() -> list[float]:
    """Per five minutes of the day, mean 1."""
    mean = sum(_HOURS) / 24
    table = []
    for at in range(288):
        # An hour's value stands in its middle.
        hour, part = divmod(at / 12 - 0.5, 1)
        left, right = _HOURS[int(hour) % 24], _HOURS[(int(hour) + 1) % 24]
        table.append((left + (right - left) * part) / mean)
    return table


def _wander(rng: random.Random, count: int, minutes: int, sigma: float, memory_minutes: int) -> list[float]:
    """AR(1) noise with that standing deviation, which forgets at the same pace on every grid. Bounded, so that nothing
    that was not planted stands out."""
    keep = math.exp(-minutes / memory_minutes)
    fresh = sigma * math.sqrt(1 - keep * keep)
    most = _MOST_SIGMAS * sigma
    value = rng.gauss(0.0, sigma)
    values = []
    gauss = rng.gauss
    for _ in range(count):
        value = keep * value + gauss(0.0, fresh)
        values.append(most if value > most else -most if value < -most else value)
    return values


def _drawn(seed: int, node: Node, demand: list[float], clock: Clock) -> list[int]:
    noise = _wander(random.Random(f"{seed}/water/flow/{node.node_id}"), len(demand), clock.minutes, 0.04, 45)
    scale = 100 * (node.mean_lps or 0.0)
    flow = [round(scale * level * (1 + drift)) for level, drift in zip(demand, noise, strict=True)]
    if node.minutes_later:
        # One value per longer interval, so that the longer reading is exact too.
        steps, change = node.minutes_later // clock.minutes, clock.at(INTERVAL_CHANGE)
        for at in range(max(0, (change - clock.starts_at) // (clock.minutes * 60)), len(flow)):
            flow[at] = flow[at - at % steps]
    return flow


def _lost(seed: int, zone: Zone, clock: Clock, demand: list[float], leaks: Mapping[int, int]) -> list[int]:
    """The loss follows pressure: a little more at night."""
    delivered = sum(node.mean_lps or 0.0 for node in zone.nodes if node.is_output)
    mean = 100 * delivered * (1 / zone.efficiency - 1)
    noise = _wander(random.Random(f"{seed}/water/loss/{zone.district_id}"), len(demand), clock.minutes, 0.006, 240)
    lost = [round(mean * (1.06 - 0.06 * level) * (1 + drift)) for level, drift in zip(demand, noise, strict=True)]
    for starts_at, more in leaks.items():
        for at in range(max(0, (starts_at - clock.starts_at) // (clock.minutes * 60)), len(lost)):
            lost[at] += more
    return lost


def _share_out(seed: int, zone: Zone, inflow: list[int], found: dict[str, Series], clock: Clock) -> None:
    inputs = [node for node in zone.nodes if node.is_input]
    first, *others = inputs
    if not others:
        found[first.node_id].flow = list(inflow)
    else:
        (second,) = others
        tilt = _wander(random.Random(f"{seed}/water/share/{zone.district_id}"), len(inflow), clock.minutes, 0.008, 90)
        share = first.share or 0.0
        found[first.node_id].flow = [round(flow * (share + drift)) for flow, drift in zip(inflow, tilt, strict=True)]
        left = found[first.node_id].flow
        found[second.node_id].flow = [flow - part for flow, part in zip(inflow, left, strict=True)]
    for node in zone.nodes:
        if node.type == "zone_meter":
            found[node.node_id].flow = list(inflow)


def _counted(start: int, flow: list[int], minutes: int) -> list[int]:
    counter, values = start, []
    for level in flow:
        values.append(counter)
        counter += litres(level, minutes)
    return values


def litres(flow: int, minutes: int) -> int:
    """What flows in that many minutes at so many hundredths of a litre per second."""
    return flow * minutes * 60 // 100
