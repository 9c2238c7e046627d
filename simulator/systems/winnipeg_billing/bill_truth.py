"""The right totals of the bills, added up from what was generated. No pipeline code takes part."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from simulator.systems.winnipeg_billing.bills import CHARGES, Line

MEASURES = (*CHARGES, "amount_due")
UNITS = ("kWh", "m3", "fixtures")
_WIDTH = 1 + len(MEASURES) + len(UNITS)


def exact(value: int) -> str:
    """Hundredths as a decimal with two places: `-5` is `-0.05`."""
    whole, part = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}{whole}.{part:02d}"


@lru_cache(maxsize=100_000)
def months_of(starts_on: date | None, ends_on: date | None) -> tuple[tuple[str, int], ...]:
    """The months of a half-open period with the days in each; no month for an undated one, one for zero length."""
    if starts_on is None or ends_on is None:
        return (("", 1),)
    parts: list[tuple[str, int]] = []
    day = starts_on
    while day < ends_on:
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        until = min(following, ends_on)
        parts.append((f"{day:%Y-%m}", (until - day).days))
        day = until
    return tuple(parts) or ((f"{starts_on:%Y-%m}", 1),)


def split(value: int, parts: tuple[tuple[str, int], ...]) -> list[int]:
    """An amount over months by days: each but the last rounded half away from zero, the last takes the remainder."""
    if len(parts) == 1:
        return [value]
    days = sum(part[1] for part in parts)
    shares = []
    for _, count in parts[:-1]:
        rounded = (2 * abs(value) * count + days) // (2 * days)
        shares.append(rounded if value >= 0 else -rounded)
    return [*shares, value - sum(shares)]


class BillTotals:
    """Sums over one edition of the bills. Lines can be taken away again with sign -1."""

    def __init__(self) -> None:
        self.all = [0] * _WIDTH
        self.by_type: dict[str, list[int]] = {}
        self.by_month: dict[tuple[str, str, str], list[int]] = {}
        self.stories: dict[str, int] = {}
        self.quality = {"ok": 0, "undated": 0, "zero_length": 0}
        self.unbalanced = 0
        self.nulls = {"meter_number": 0, "town": 0, "rate": 0}

    def plus(self, other: BillTotals) -> BillTotals:
        """Both added together: an edition and the differences of the next one."""
        result = BillTotals()
        for part in (self, other):
            result.all = _added(result.all, part.all)
            result.unbalanced += part.unbalanced
            for key, value in part.by_type.items():
                result.by_type[key] = _added(result.by_type.get(key, [0] * _WIDTH), value)
            for place, value in part.by_month.items():
                result.by_month[place] = _added(result.by_month.get(place, [0] * _WIDTH), value)
            for counts, more in (
                (result.stories, part.stories),
                (result.quality, part.quality),
                (result.nulls, part.nulls),
            ):
                for name, count in more.items():
                    counts[name] = counts.get(name, 0) + count
        return result

    def add(self, line: Line, sign: int = 1) -> None:
        """Counts a line in (or out, with sign -1)."""
        slot = line.slot
        values = [sign * value if value else 0 for value in (*line.charges, line.amount_due)]
        units = [0, 0, 0]
        if line.units:
            units[UNITS.index(slot.unit)] = sign * line.units
        values += units
        for sums in (self.all, self.by_type.setdefault(slot.service_type, [0] * _WIDTH)):
            sums[0] += sign
            for position, value in enumerate(values, 1):
                if value:
                    sums[position] += value
        parts = months_of(line.starts_on, line.ends_on)
        targets = [
            self.by_month.setdefault((month, slot.town or "", slot.service_type), [0] * _WIDTH) for month, _ in parts
        ]
        for target in targets:
            target[0] += sign
        for position, value in enumerate(values, 1):
            if value:
                for target, part in zip(targets, split(value, parts), strict=True):
                    target[position] += part
        self.stories[line.story] = self.stories.get(line.story, 0) + sign
        quality = "undated" if line.starts_on is None else "zero_length" if line.starts_on == line.ends_on else "ok"
        self.quality[quality] += sign
        if sum(value for value in line.charges if value) != line.amount_due:
            self.unbalanced += sign
        for name in self.nulls:
            if f'"{name}"' not in slot.text:
                self.nulls[name] += sign

    def summary(self) -> dict[str, Any]:
        """For truth.json: exact decimals as text."""
        return {
            "rows": self.all[0],
            "sums": _named(self.all),
            "by_service_type": {
                key: {"rows": value[0], "sums": _named(value)} for key, value in sorted(self.by_type.items())
            },
            "period_quality": self.quality,
            "not_balanced_rows": self.unbalanced,
            "null_rows": self.nulls,
            "rows_by_story": dict(sorted(self.stories.items())),
        }

    def monthly_rows(self) -> list[list[str]]:
        """One row per month, town and service type: lines with a share in it, then sums. Empty text is null."""
        return [
            [month, town, service_type, str(value[0]), *map(exact, value[1:])]
            for (month, town, service_type), value in sorted(self.by_month.items())
            if value[0] or any(value)
        ]


MONTHLY_HEADER = ["month", "town", "service_type", "lines", *MEASURES, *(f"billing_units_{unit}" for unit in UNITS)]


def _added(left: list[int], right: list[int]) -> list[int]:
    return [a + b for a, b in zip(left, right, strict=True)]


def _named(values: list[int]) -> dict[str, str]:
    money = {name: exact(value) for name, value in zip(MEASURES, values[1:], strict=False)}
    units = {
        f"billing_units_{unit}": exact(value) for unit, value in zip(UNITS, values[1 + len(MEASURES) :], strict=True)
    }
    return {**money, **units}
