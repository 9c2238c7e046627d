"""Writes every posting of the world, those of the two days after its `now` included, with their truth."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.planted import Planted
from simulator.system import Size
from simulator.systems.energy_transfer.network import ASSETS, Asset, Location, make_locations, on_day, scheduled, values
from simulator.systems.energy_transfer.postings import Posting, csv_bytes, file_name, write_index
from simulator.systems.energy_transfer.timetable import CYCLES

GAS_DAYS = 26
AHEAD = timedelta(days=2)
POSTINGS = (
    "asset", "gas_day", "cycle", "cycle_name", "version", "posted_at", "replaced_at", "file_name", "row_count",
    "tsq_dth", "oac_dth",
)  # fmt: skip
ROWS = ("asset", "gas_day", "cycle", "version", "loc", "flow_ind", "loc_name", "loc_zn", "dc", "opc", "tsq", "oac")
BEST = ("asset", "gas_day", "cycle", "cycle_name", "row_count", "tsq_dth", "oac_dth")
REVISIONS = (
    "asset", "gas_day", "previous_cycle", "cycle", "changed_rows", "increase_dth", "decrease_dth", "change_dth",
)  # fmt: skip
LOCATIONS = ("asset", "loc", "flow_ind", "loc_name", "loc_zn", "dc", "opc", "valid_from_gas_day", "valid_to_gas_day")


@dataclass(frozen=True)
class _Repost:
    """A cycle posted again: `after` its first posting, with other quantities."""

    asset: str
    back: int
    """Gas days before the world's last one."""
    cycle: str
    after: timedelta
    means: str


_REPOSTS = (
    _Repost("TW", 17, "Intraday 2", timedelta(hours=2), "replaced before the world's now"),
    _Repost("FEP", 9, "Final", timedelta(hours=30), "replaced before the world's now"),
    _Repost("TW", 2, "Final", timedelta(hours=27, minutes=30), "replaced two hours after now: inside three gas days"),
    _Repost("TW", 1, "Intraday 3", timedelta(hours=16, minutes=10), "replaced in the evening after now"),
    _Repost("FEP", 1, "Evening", timedelta(hours=43), "replaced in the evening after now"),
    _Repost("TW", 12, "Final", timedelta(days=11, hours=6), "replaced after now, beyond three gas days"),
)
_LATE = ("FEP", 1, "Final", timedelta(hours=2, minutes=10))
"""A posting that is due before now and comes after it."""


@dataclass(frozen=True)
class _Made:
    """A posting with the rows in it: the location as of the gas day, and what is scheduled."""

    posting: Posting
    rows: tuple[tuple[Location, int], ...]

    @property
    def scheduled(self) -> int:
        return sum(quantity for row, quantity in self.rows if row.operating is not None)

    @property
    def available(self) -> int:
        return sum(max(0, row.operating - quantity) for row, quantity in self.rows if row.operating is not None)


def write(folder: Path, size: Size) -> dict[str, Any]:
    """Writes postings, index and the tables of the truth; returns their part of truth.json."""
    last = size.now.date()
    first = last - timedelta(days=min(GAS_DAYS, size.history_days) - 1)
    planted = Planted()
    made = [one for asset in ASSETS for one in _postings(size, asset, first, last, planted)]
    columns = {asset.code: asset.columns for asset in ASSETS}
    for one in made:
        path = folder / one.posting.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(csv_bytes(columns[one.posting.asset], [values(row, tsq) for row, tsq in one.rows]))
    write_index(folder, first, [one.posting for one in made])
    _plant_rows(made, size.now, planted)
    visible = _visible(made, size.now)
    versions = _write_tables(folder.parent, made, visible)
    later = size.now + timedelta(days=1)
    return {
        "history_from": str(first),
        "assets": [asset.code for asset in ASSETS],
        "postings": _said(visible),
        "postings_a_day_later": _said(_visible(made, later)),
        "first_landed_in_that_day": sum(size.now < one.posting.posted_at <= later for one in made),
        "all_versions": len(made),
        "location_versions": versions,
        "identities": "oac = max(0, opc - tsq); all_qty_avail is N exactly when qty_reason is filled",
        "planted": planted.listed(),
    }


def _said(visible: Sequence[_Made]) -> dict[str, Any]:
    return {
        "count": len(visible),
        "rows": sum(len(one.rows) for one in visible),
        "tsq_dth": sum(one.scheduled for one in visible),
        "oac_dth": sum(one.available for one in visible),
    }


def _postings(size: Size, asset: Asset, first: date, last: date, planted: Planted) -> Iterator[_Made]:
    """Every posting of an asset up to two days after now, versions of one cycle in their order."""
    locations = make_locations(size.seed, asset)
    rng = random.Random(f"{size.seed}/capacity/{asset.code}/delays")
    for number in range((last - first).days + 1 + AHEAD.days + 1):
        gas_day = first + timedelta(days=number)
        rows = on_day(asset, locations, number)
        quantities = scheduled(size.seed, asset, rows, gas_day, len(CYCLES))
        for at, cycle in enumerate(CYCLES):
            posted_at = cycle.due_at(gas_day) + timedelta(minutes=rng.randrange(10))
            key = (asset.code, (last - gas_day).days, cycle.name)
            where = {"asset": asset.code, "gas_day": str(gas_day), "cycle": cycle.id}
            if key == _LATE[:3]:
                posted_at += _LATE[3]
                means = "due before now by the timetable, posted after it"
                planted.add("posted late", {**where, "posted_at": str(posted_at)}, means=means)
            found = tuple((row, values[at]) for row, values in zip(rows, quantities, strict=True))
            for version in (1, 2):
                if version == 2:
                    repost = next((r for r in _REPOSTS if (r.asset, r.back, r.cycle) == key), None)
                    if repost is None:
                        break
                    posted_at += repost.after
                    found = _restated(found, rng)
                    planted.add(
                        f"re-post {repost.means}", {**where, "posted_at": str(posted_at)}, means="other quantities"
                    )
                if posted_at <= size.now + AHEAD:
                    path = f"postings/{asset.code}/{gas_day}/{cycle.id}_{version}.csv"
                    name = file_name(asset, gas_day, cycle.name)
                    yield _Made(Posting(asset.code, gas_day, cycle.id, version, posted_at, name, path), found)


def _restated(rows: Iterable[tuple[Location, int]], rng: random.Random) -> tuple[tuple[Location, int], ...]:
    """The same rows, some of the scheduled quantities (the first one for sure) being others."""
    restated = []
    is_first = True
    for row, quantity in rows:
        if quantity and row.operating is not None and (is_first or rng.random() < 0.3):
            is_first = False
            quantity += rng.randrange(10, 900)
        restated.append((row, quantity))
    return tuple(restated)


def _visible(made: Sequence[_Made], now: datetime) -> list[_Made]:
    """The latest posting of each cycle at an instant, in the order of asset, gas day and timetable."""
    latest: dict[tuple[str, date, int], _Made] = {}
    for one in made:
        posting = one.posting
        if posting.posted_at <= now:
            latest[posting.asset, posting.gas_day, posting.cycle] = one
    return list(latest.values())


def _write_tables(folder: Path, made: Sequence[_Made], visible: Sequence[_Made]) -> int:
    """The tables of the truth, as the package describes them; returns the rows of that of the locations."""
    names = {cycle.id: cycle.name for cycle in CYCLES}

    def table(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        with (folder / f"truth_capacity_{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    replaced = {
        (one.posting.asset, one.posting.gas_day, one.posting.cycle, one.posting.version - 1): one.posting.posted_at
        for one in made
    }
    table(
        "postings",
        POSTINGS,
        (
            (p.asset, p.gas_day, p.cycle, names[p.cycle], p.version, f"{p.posted_at:%Y-%m-%d %H:%M:%S}",
             f"{end:%Y-%m-%d %H:%M:%S}" if (end := replaced.get((p.asset, p.gas_day, p.cycle, p.version))) else "",
             p.file_name, len(one.rows), one.scheduled, one.available)
            for one in made
            for p in [one.posting]
        ),
    )  # fmt: skip
    table("rows", ROWS, (line for one in made for line in _lines(one)))
    best = {(one.posting.asset, one.posting.gas_day): one for one in visible}
    table(
        "best_available",
        BEST,
        (
            (asset, gas_day, one.posting.cycle, names[one.posting.cycle], len(one.rows), one.scheduled, one.available)
            for (asset, gas_day), one in best.items()
        ),
    )
    table("revisions", REVISIONS, _revisions(visible))
    versions = list(_location_versions(best))
    table("locations", LOCATIONS, versions)
    return len(versions)


def _lines(one: _Made) -> Iterator[tuple[object, ...]]:
    posting = one.posting
    for row, tsq in one.rows:
        posted = values(row, tsq)
        yield (
            posting.asset, posting.gas_day, posting.cycle, posting.version, row.loc, row.flow, row.name, row.zone,
            *(posted[column] for column in ("DC", "OPC", "TSQ", "OAC")),
        )  # fmt: skip


def _revisions(visible: Sequence[_Made]) -> Iterator[tuple[object, ...]]:
    """What the scheduled quantities did from one posted cycle of a gas day to the next one."""
    before: _Made | None = None
    for one in visible:
        key = (one.posting.asset, one.posting.gas_day)
        if before is not None and (before.posting.asset, before.posting.gas_day) == key:
            steps = [
                new - old
                for (row, old), (_, new) in zip(before.rows, one.rows, strict=True)
                if row.operating is not None and new != old
            ]
            rises = sum(step for step in steps if step > 0)
            falls = sum(-step for step in steps if step < 0)
            yield (*key, before.posting.cycle, one.posting.cycle, len(steps), rises, falls, rises - falls)
        before = one


def _location_versions(best: dict[tuple[str, date], _Made]) -> Iterator[tuple[object, ...]]:
    """What was posted of each location and direction, and from which gas day until which it stayed so."""
    open_rows: dict[tuple[str, str, str], tuple[Location, date]] = {}
    closed: list[tuple[object, ...]] = []

    def line(key: tuple[str, str, str], until: date | None) -> tuple[object, ...]:
        row, since = open_rows[key]
        quantities = ("" if value is None else value for value in (row.design, row.operating))
        return (*key, row.name, row.zone, *quantities, since, until or "")

    for (asset, gas_day), one in best.items():
        present = {(asset, row.loc, row.flow): row for row, _ in one.rows}
        for key in [key for key in open_rows if key[0] == asset]:
            now, was = present.get(key), open_rows[key][0]
            if now is None or (now.name, now.zone, now.design, now.operating) != (
                was.name, was.zone, was.design, was.operating,
            ):  # fmt: skip
                closed.append(line(key, gas_day))
                del open_rows[key]
        for key, row in present.items():
            open_rows.setdefault(key, (row, gas_day))
    yield from sorted([*closed, *(line(key, None) for key in open_rows)], key=lambda row: (*row[:3], str(row[7])))


def _plant_rows(made: Sequence[_Made], now: datetime, planted: Planted) -> None:
    """What is odd in the rows of the postings that are there at now."""
    for one in _visible(made, now):
        where = f"{one.posting.asset} {one.posting.gas_day} {one.posting.cycle}"
        counts: dict[str, int] = {}
        for row, tsq in one.rows:
            counts[row.loc] = counts.get(row.loc, 0) + 1
            place = f"{where} {row.loc} {row.flow}"
            for fault, is_so, means in (
                ("leading space in a name", row.name.startswith(" "), "Loc Name begins with a space"),
                ("double space in a name", "  " in row.name, "Loc Name has two spaces in a row"),
                ("quantities unavailable", row.operating is None, "OPC, TSQ and OAC are blank, Qty Reason says so"),
                ("design unavailable", row.design is None, "DC is blank, Qty Reason says so"),
                ("opc over dc", (row.operating or 0) > (row.design or 10**9), "normal"),
                ("tsq over opc", row.operating is not None and tsq > row.operating, "OAC is 0, not negative"),
            ):
                if is_so:
                    planted.add(fault, place, means=means)
        for loc, count in counts.items():
            if count == 2:
                planted.add(
                    "receipt and delivery", f"{where} {loc}", means="one Loc, two rows: Flow Ind tells them apart"
                )
