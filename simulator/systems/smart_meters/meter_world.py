"""Writes the deliveries of the smart-meter system with their truth: a file of reads per meter point, the database."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

from simulator.planted import Planted
from simulator.systems.smart_meters.agreements import (
    BLOCK,
    READING,
    Agreement,
    Meterpoint,
    products,
    world_meterpoints,
    write_database,
)
from simulator.systems.smart_meters.meters import (
    HALF_HOUR,
    NEAR_DEAD,
    Consumption,
    LocalDay,
    day_order,
    file_text,
    kwh,
    local_days,
    missing_intervals,
)

UNMAPPED = "unmapped"
REFERENCE_DATES = (date(2021, 1, 1), date(2020, 10, 25), date(2026, 1, 1))
HEADERS = {
    "truth_daily_product.csv": [
        "local_date",
        "product_display_name",
        "meterpoint_count",
        "intervals",
        "consumption_kwh",
    ],
    "truth_half_hourly.csv": [
        "starts_at",
        "local_date",
        "meterpoint_count",
        "consumption_kwh",
        "unmapped_meterpoint_count",
        "unmapped_kwh",
    ],
    "truth_daily_meterpoint.csv": [
        "meterpoint_id",
        "local_date",
        "product_display_name",
        "agreement_id",
        "intervals",
        "expected_intervals",
        "consumption_kwh",
    ],
    "truth_meterpoints.csv": ["meterpoint_id", "story", "rows", "consumption_kwh", "unmapped_rows", "unmapped_kwh"],
    "truth_gaps.csv": ["meterpoint_id", "starts_at", "ends_at", "intervals", "reason"],
    "truth_active_agreements.csv": ["reference_date", "agreement_id", "meterpoint_id", "display_name", "is_variable"],
}


@dataclass
class _Totals:
    """What is added up while reads are written. Watt-hours throughout."""

    intervals: int
    rows: int = 0
    watt_hours: int = 0
    zeros: int = 0
    unmapped_rows: int = 0
    unmapped_watt_hours: int = 0
    shuffled_files: int = 0
    gap_count: int = 0
    gap_intervals: int = 0
    unmapped_meterpoints: list[str] = field(default_factory=list)
    near_dead: list[str] = field(default_factory=list)
    by_product: dict[tuple[date, str], list[int]] = field(default_factory=dict)
    half_hours: list[int] = field(default_factory=list)
    absent: Counter[int] = field(default_factory=Counter)
    unmapped_half_hours: list[int] = field(default_factory=list)
    unmapped_counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for vector in (self.half_hours, self.unmapped_half_hours, self.unmapped_counts):
            vector += [0] * self.intervals


class _Tables:
    """The bulky truth tables, open side by side and written as the reads are."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._writers = {}
        for name, header in HEADERS.items():
            file = stack.enter_context((folder / name).open("w", newline=""))
            self._writers[name] = csv.writer(file, lineterminator="\n")
            self._writers[name].writerow(header)

    def write(self, name: str, *values: object) -> None:
        self._writers[f"truth_{name}.csv"].writerow(values)


def write_meters(folder: Path, seed: int, meters: int, first: date, until: date) -> dict[str, Any]:
    """Writes reads and database into `folder`, tables of the truth beside it; returns their part of truth.json."""
    readings = folder / "readings"
    readings.mkdir(parents=True, exist_ok=True)
    days = local_days(first, until)
    totals = _Totals(days[-1].first + len(days[-1].clock))
    catalogue = products(seed)
    planted = Planted()
    census = _AgreementCensus(until, planted)
    consumption = Consumption(seed)
    with ExitStack() as stack:
        tables = _Tables(folder.parent, stack)

        def written() -> Iterator[Meterpoint]:
            position = 0
            for number, meterpoint in enumerate(world_meterpoints(seed, meters, first, until)):
                census.count(meterpoint)
                for row in census.active(meterpoint):
                    tables.write("active_agreements", *row)
                # The first sixty of each block of 101 deliver reads.
                if number % BLOCK < READING and position < meters:
                    _write_one(readings, seed, position, meterpoint, days, consumption, totals, tables, planted)
                    position += 1
                yield meterpoint

        write_database(folder / "case_study.db", catalogue, written())
        _write_totals(tables, days, meters, totals)
    return _truth(totals, census, days, meters, len(catalogue))


def _write_one(
    readings: Path,
    seed: int,
    position: int,
    meterpoint: Meterpoint,
    days: Sequence[LocalDay],
    consumption: Consumption,
    totals: _Totals,
    tables: _Tables,
    planted: Planted,
) -> None:
    """One meter's file, and everything that is true about it."""
    identifier = meterpoint.meterpoint_id
    values = consumption.read(position, days)
    gaps = missing_intervals(position, days)
    missing = set().union(*gaps.values())
    order = day_order(seed, position, len(days))
    (readings / f"{identifier}.json").write_text(file_text(identifier, days, values, missing, order))
    for at in missing:
        values[at] = 0
        totals.absent[at] += 1
    totals.half_hours = list(map(add, totals.half_hours, values))
    totals.zeros += values.count(0) - len(missing)
    if order != sorted(order):
        totals.shuffled_files += 1
        planted.add("reads: shuffled days", identifier, means="day blocks out of order in the file")
    if position % READING == NEAR_DEAD:
        totals.near_dead.append(identifier)
        planted.add("reads: near-dead meter", identifier, means="reads zero nearly always")
    rows = watt_hours = unmapped_rows = unmapped_watt_hours = 0
    agreements: set[int] = set()
    for day in days:
        size = len(day.stamps)
        span = range(day.first, day.first + size)
        count = size if missing.isdisjoint(span) else size - len(missing.intersection(span))
        if not count:
            continue
        used = sum(values[day.first : day.first + size])
        rows += count
        watt_hours += used
        agreement = meterpoint.agreement_on(day.day)
        if agreement is not None:
            agreements.add(agreement.agreement_id)
        name = agreement.product.display_name if agreement else UNMAPPED
        sums = totals.by_product.setdefault((day.day, name), [0, 0, 0])
        sums[0] += 1
        sums[1] += count
        sums[2] += used
        if agreement is None:
            unmapped_rows += count
            unmapped_watt_hours += used
            for at in span:
                totals.unmapped_half_hours[at] += values[at]
                totals.unmapped_counts[at] += at not in missing
        agreement_id = agreement.agreement_id if agreement else ""
        tables.write("daily_meterpoint", identifier, day.day, name, agreement_id, count, size, kwh(used))
    tables.write(
        "meterpoints", identifier, meterpoint.story, rows, kwh(watt_hours), unmapped_rows, kwh(unmapped_watt_hours)
    )
    totals.rows += rows
    totals.watt_hours += watt_hours
    totals.unmapped_rows += unmapped_rows
    totals.unmapped_watt_hours += unmapped_watt_hours
    if unmapped_rows:
        totals.unmapped_meterpoints.append(identifier)
        planted.add("reads: unmapped", identifier, means="reads on local days that no agreement covers")
    if len(agreements) > 1:
        planted.add("agreements: switch inside the window", identifier, means="another agreement from some day on")
    start = datetime.fromisoformat(days[0].stamps[0])
    for reason, intervals in gaps.items():
        starts_at, ends_at = start + HALF_HOUR * min(intervals), start + HALF_HOUR * (max(intervals) + 1)
        totals.gap_count += 1
        totals.gap_intervals += len(intervals)
        tables.write("gaps", identifier, starts_at, ends_at, len(intervals), reason)
        place = {
            "meterpoint_id": identifier,
            "starts_at": str(starts_at),
            "ends_at": str(ends_at),
            "intervals": len(intervals),
        }
        planted.add(f"gaps: {reason}", place, means="half-hours that were not delivered")


def _write_totals(tables: _Tables, days: Sequence[LocalDay], meters: int, totals: _Totals) -> None:
    for (day, name), (count, intervals, watt_hours) in sorted(totals.by_product.items()):
        tables.write("daily_product", day, name, count, intervals, kwh(watt_hours))
    for local in days:
        for at, stamp in enumerate(local.stamps, local.first):
            present = meters - totals.absent[at]
            if present:
                unmapped = totals.unmapped_counts[at], kwh(totals.unmapped_half_hours[at])
                tables.write("half_hourly", stamp, local.day, present, kwh(totals.half_hours[at]), *unmapped)


_PAIRS = {
    "gapped": "days between the two agreements of one meter point that no agreement covers",
    "overlapping": "the second, of zero length, lies inside the first",
}


class _AgreementCensus:
    """Counts the shapes of agreements from the generated objects."""

    def __init__(self, until: date, planted: Planted) -> None:
        self._until = until
        self.planted = planted
        self.counts: Counter[str] = Counter()
        self.regions: Counter[str] = Counter()
        self.active_counts: dict[str, int] = {str(day): 0 for day in REFERENCE_DATES}
        self.active_ids: list[int] = []
        self.account_changers: list[str] = []

    def count(self, meterpoint: Meterpoint) -> None:
        rows = sorted(meterpoint.agreements, key=lambda row: (row.valid_from, row.valid_to or date.max))
        self.regions[meterpoint.region] += 1
        self.counts["meterpoints"] += 1
        self.counts["agreements"] += len(rows)
        self.counts["meterpoints without agreement"] += not rows
        accounts = len({row.account_id for row in rows})
        self.counts["accounts"] += accounts
        if accounts > 1:
            self.account_changers.append(meterpoint.meterpoint_id)
        self._plant_agreements(meterpoint, rows)
        for left, right in pairwise(rows):
            end = left.valid_to or date.max
            kind = "touching" if end == right.valid_from else "gapped" if end < right.valid_from else "overlapping"
            self.counts[f"{kind} pairs"] += 1
            if kind != "touching":
                self.planted.add(f"agreements: {kind}", [left.agreement_id, right.agreement_id], means=_PAIRS[kind])

    def _plant_agreements(self, meterpoint: Meterpoint, rows: Sequence[Agreement]) -> None:
        for row in rows:
            if row.valid_from == row.valid_to:
                self._note("zero-length", row.agreement_id, "valid_from equals valid_to: matches no read")
            if row.valid_to is None:
                self._note("open-ended", row.agreement_id, "valid_to is null")
            if row.valid_from > self._until:
                self._note("starting after the window", row.agreement_id, "valid_from lies after the last read")
        if len({row.account_id for row in rows}) > 1:
            self.planted.add(
                "agreements: account change", meterpoint.meterpoint_id, means="agreements of several accounts"
            )
        if not rows:
            self.planted.add("agreements: none", meterpoint.meterpoint_id, means="a meter point without agreement")

    def _note(self, shape: str, agreement_id: int, means: str) -> None:
        self.counts[shape] += 1
        self.planted.add(f"agreements: {shape}", agreement_id, means=means)

    def active(self, meterpoint: Meterpoint) -> Iterator[tuple[object, ...]]:
        """Rows of active_agreements for each reference date."""
        for day in REFERENCE_DATES:
            for row in meterpoint.agreements:
                if row.covers(day):
                    self.active_counts[str(day)] += 1
                    if day == REFERENCE_DATES[0]:
                        self.active_ids.append(row.agreement_id)
                    product = row.product
                    yield day, row.agreement_id, row.meterpoint_id, product.display_name, product.is_variable


def _truth(
    totals: _Totals, census: _AgreementCensus, days: Sequence[LocalDay], meters: int, product_count: int
) -> dict[str, Any]:
    horizon = datetime.fromisoformat(days[-1].stamps[-1]) + timedelta(minutes=30)
    return {
        "files": meters,
        "rows": totals.rows,
        "consumption_kwh": kwh(totals.watt_hours),
        "zero_rows": totals.zeros,
        "shuffled_files": totals.shuffled_files,
        "near_dead_meterpoints": totals.near_dead[:50],
        "window": {
            "first_local_day": str(days[0].day),
            "last_local_day": str(days[-1].day),
            "starts_at": days[0].stamps[0],
            "first_read_at": days[0].stamps[1],
            "horizon": str(horizon),
            "intervals": totals.intervals,
            "days_of_other_than_48": {str(day.day): len(day.clock) for day in days if len(day.clock) != 48},
        },
        "unmapped": {
            "rows": totals.unmapped_rows,
            "consumption_kwh": kwh(totals.unmapped_watt_hours),
            "meterpoint_count": len(totals.unmapped_meterpoints),
            "meterpoints": totals.unmapped_meterpoints[:100],
        },
        "gaps": {
            "count": totals.gap_count,
            "intervals": totals.gap_intervals,
        },
        "agreements": {
            "rows": census.counts["agreements"],
            "shapes": dict(sorted(census.counts.items())),
            "account_changing_meterpoints": census.account_changers[:100],
            "active_counts": census.active_counts,
            "active_ids_2021_01_01": sorted(census.active_ids)[:1000],
            "matching_rule": "valid_from <= local date of the read < valid_to (or null); of several the latest "
            "valid_from, then the highest agreement_id",
        },
        "products": {"rows": product_count},
        "planted": census.planted.listed(),
        "meterpoints": {"rows": census.counts["meterpoints"], "by_region": dict(sorted(census.regions.items()))},
    }


def write_day(folder: Path, seed: int, meters: int, first: date, until: date, day: date) -> tuple[int, int]:
    """A later delivery: one more local day for the same meters, into `folder`; returns rows and watt-hours."""
    folder.mkdir(parents=True, exist_ok=True)
    days = local_days(day, day)
    consumption = Consumption(seed)
    rows = watt_hours = position = 0
    for number, meterpoint in enumerate(world_meterpoints(seed, meters, first, until)):
        if number % BLOCK >= READING or position >= meters:
            continue
        values = consumption.read(position, days)
        text = file_text(meterpoint.meterpoint_id, days, values, set(), [0])
        (folder / f"{meterpoint.meterpoint_id}.json").write_text(text)
        rows += len(values)
        watt_hours += sum(values)
        position += 1
    return rows, watt_hours
