"""Half-hourly reads: one compact JSON object per meter point, `{"columns": [...], "data": [[...], ...]}`.

Stamps are naive UTC. Consumption is kept in watt-hours (integers), so every total is exact. A meter costs memory, a
world does not: a hundred million half-hours are written meter by meter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/London")
COLUMNS = ("interval_start", "consumption_delta", "meterpoint_id")
HALF_HOUR = timedelta(minutes=30)
MOST_WH = 5217
NEAR_DEAD = 3
"""Which meter of each sixty reads zero nearly always."""

# Mean kWh per half-hour of a winter day, from midnight; the mean over the day is 0.368.
_DAY = (
    304, 301, 290, 264, 234, 224, 221, 202, 189, 187, 184, 200,
    239, 232, 244, 251, 304, 342, 379, 374, 393, 400, 382, 394,
    434, 432, 427, 437, 457, 438, 429, 469, 530, 558, 613, 607,
    581, 542, 549, 496, 497, 444, 406, 376, 349, 321, 259, 260,
)  # fmt: skip
_DAY_MEAN = 368
_SEASON_PCT = (106, 103, 95, 86, 78, 72, 70, 71, 77, 88, 98, 105)
_NOISE_SIZE = 1 << 14


@dataclass(frozen=True)
class LocalDay:
    """One local calendar day: 46, 48 or 50 half-hours."""

    day: date
    first: int
    """Position of its first half-hour in the window."""
    stamps: tuple[str, ...]
    """Naive UTC stamps as delivered."""
    clock: tuple[int, ...]
    """Local half-hour of the clock (0 to 47) of each interval: an hour lacks in spring and comes twice in autumn."""


def local_days(first: date, until: date) -> list[LocalDay]:
    """The local days from `first` to `until`, both included, with their half-hours in UTC."""
    days: list[LocalDay] = []
    position = 0
    day = first
    while day <= until:
        following = day + timedelta(days=1)
        moment = datetime(day.year, day.month, day.day, tzinfo=LOCAL).astimezone(UTC)
        end = datetime(following.year, following.month, following.day, tzinfo=LOCAL).astimezone(UTC)
        stamps, clock = [], []
        while moment < end:
            local = moment.astimezone(LOCAL)
            stamps.append(f"{moment:%Y-%m-%d %H:%M:%S}")
            clock.append(local.hour * 2 + local.minute // 30)
            moment += HALF_HOUR
        days.append(LocalDay(day, position, tuple(stamps), tuple(clock)))
        position += len(stamps)
        day = following
    return days


def kwh(watt_hours: int) -> str:
    """Watt-hours as exact kWh with three places."""
    whole, part = divmod(abs(watt_hours), 1000)
    return f"{'-' if watt_hours < 0 else ''}{whole}.{part:03d}"


def _as_json_number(watt_hours: int) -> str:
    text = kwh(watt_hours).rstrip("0")
    return f"{text}0" if text.endswith(".") else text


_NUMBERS = tuple(_as_json_number(value) for value in range(MOST_WH + 1))


class Consumption:
    """What meters use: a day shape, a season, a scale per meter and log-normal noise drawn from one table."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(f"{seed}/noise")
        sigma = 0.85
        # Scaled by 1024 and kept under eight times the mean.
        self._noise = [
            min(8192, int(1024 * math.exp(rng.gauss(0.0, sigma) - sigma * sigma / 2))) for _ in range(_NOISE_SIZE + 50)
        ]

    def read(self, number: int, days: Sequence[LocalDay]) -> list[int]:
        """Watt-hours of meter `number` for each half-hour of those days. A day's values do not depend on other days."""
        scale = random.Random(f"{self.seed}/meter/{number}").gauss(-1.18, 0.63)
        mean_wh = 1000 * math.exp(scale)
        shapes: dict[int, list[int]] = {}
        noise = self._noise
        values: list[int] = []
        for day in days:
            start = (number * 7919 + day.day.toordinal() * 1237) * 48 % _NOISE_SIZE
            if number % 60 == NEAR_DEAD:
                values += [1 if noise[start + at] > 3300 else 0 for at in range(len(day.clock))]
                continue
            shape = shapes.get(day.day.month)
            if shape is None:
                factor = mean_wh * _SEASON_PCT[day.day.month - 1] / 100 / _DAY_MEAN
                shape = shapes[day.day.month] = [int(mean * factor * 1024) for mean in _DAY]
            if len(day.clock) != 48:
                shape = [shape[at] for at in day.clock]
            values += [
                value if (value := level * draw >> 20) <= MOST_WH else MOST_WH
                for level, draw in zip(shape, noise[start : start + len(shape)], strict=True)
            ]
        return values


def missing_intervals(position: int, days: Sequence[LocalDay]) -> dict[str, set[int]]:
    """The half-hours that the meter at `position` of the reading ones does not deliver, by the reason of their absence.

    Every meter misses the first half-hour of the window; some of each sixty miss more, as far as the window has room.
    """
    last = days[-1].first + len(days[-1].clock)
    gaps = {"the first half-hour of day one": {0}}

    def add(reason: str, first: int, count: int) -> None:
        if first > 1 and first + count <= last:
            gaps[reason] = set(range(first, first + count))

    def day_at(share: float) -> LocalDay:
        return days[int((len(days) - 1) * share)]

    changes = {len(day.clock): day for day in days if len(day.clock) != 48}
    kind = position % 60
    if kind == 1:
        add("one half-hour", day_at(0.4).first + 26, 1)
    elif kind == 5 and len(days) > 6:
        add(
            "three whole days", day_at(0.5).first, sum(len(day.clock) for day in days[int((len(days) - 1) * 0.5) :][:3])
        )
    elif kind == 6 and 50 in changes:
        add("across the autumn clock change", changes[50].first + 1, 4)
    elif kind == 7 and len(days) > 4:
        add("silent up to the horizon", days[-2].first - 10, last - days[-2].first + 10)
    elif kind == 8:
        add("across local midnight", day_at(0.3).first + 46, 4)
    elif kind == 9 and 46 in changes:
        add("across the spring clock change", changes[46].first, 6)
    elif kind == 10:
        add("morning", day_at(0.7).first + 14, 3)
        add("evening of the same day", day_at(0.7).first + 36, 5)
    return gaps


def file_text(
    meterpoint_id: str, days: Sequence[LocalDay], values: Sequence[int], missing: set[int], order: Sequence[int]
) -> str:
    """The delivered file: day blocks in the given order, missing half-hours left out."""
    tail = f',"{meterpoint_id}"]'
    blocks = []
    for index in order:
        day = days[index]
        first = day.first
        pairs = zip(day.stamps, values[first : first + len(day.stamps)], strict=True)
        if missing and not missing.isdisjoint(range(first, first + len(day.stamps))):
            rows = [
                f'["{stamp}",{_NUMBERS[value]}{tail}'
                for at, (stamp, value) in enumerate(pairs, first)
                if at not in missing
            ]
        else:
            rows = [f'["{stamp}",{_NUMBERS[value]}{tail}' for stamp, value in pairs]
        if rows:
            blocks.append(",".join(rows))
    head = '{"columns":["interval_start","consumption_delta","meterpoint_id"],"data":['
    return head + ",".join(blocks) + "]}"


def day_order(seed: int, number: int, days: int) -> list[int]:
    """Day blocks of two files in three are out of order."""
    order = list(range(days))
    if number % 3:
        random.Random(f"{seed}/order/{number}").shuffle(order)
    return order
