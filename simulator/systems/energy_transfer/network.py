"""Two invented pipelines: locations as slowly changing things, scheduled quantities as what moves.

Quantities are whole dekatherms a day. Names are put together from lists; no such station exists.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

COLUMNS = (
    "Loc", "Loc Zn", "Loc Name", "Loc Purp Desc", "Loc/QTI", "Flow Ind", "DC", "OPC", "TSQ", "OAC", "IT",
    "Auth Overrun Ind", "Nom Cap Exceed Ind", "All Qty Avail", "Qty Reason",
)  # fmt: skip
NO_QUANTITIES = (
    "Total Scheduled Quantity unavailable;Operating Capacity unavailable;Operationally Available Capacity unavailable"
)
NO_DESIGN = "Design Capacity unavailable"


@dataclass(frozen=True)
class Asset:
    """A pipeline: the number in its file names, its zones, and the order in which it posts its columns."""

    code: str
    duns: str
    locations: int
    zones: tuple[str, ...]
    columns: tuple[str, ...]


ASSETS = (
    Asset(
        "TW", "007933047", 60,
        ("NORTH BASIN", "DRY PLAINS", "CENTRAL", "MESA", "MESA2", "SALT FLAT", "W. RIDGE"),
        COLUMNS,
    ),
    Asset(
        "FEP", "000990117", 25, ("ZONE 1", "ZONE 2"),
        ("Loc Name", "Loc", "Loc Zn", "Flow Ind", "Loc Purp Desc", "Loc/QTI", "OPC", "DC", "OAC", "TSQ",
         "All Qty Avail", "Qty Reason", "IT", "Nom Cap Exceed Ind", "Auth Overrun Ind"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Location:
    """One row of every posting: a location in one direction, as it is on a gas day. None is unavailable."""

    loc: str
    zone: str
    name: str
    flow: str
    """R receipt or D delivery."""
    design: int | None
    operating: int | None
    is_interruptible: bool
    has_overrun: bool
    level: int
    """What is scheduled on an ordinary day; 0 for the many that nobody nominates."""


_FIRST = (
    "AGATE", "BADGER", "CINDER", "DRIFTWOOD", "ELKHORN", "FLINT", "GRANITE", "HOLLOW", "IRONBARK", "JUNIPER", "KESTREL",
    "LARKSPUR", "MARBLE", "NIGHTJAR", "OCHRE", "PEPPER", "QUARTZ", "RAVEN", "SADDLE", "TUMBLEWEED",
)  # fmt: skip
_SECOND = ("CREEK", "DRAW", "FLATS", "GAP", "JUNCTION", "MESA", "SPRINGS", "TANK", "WELLS")
_LAST = ("", " COMPRESSOR", " DELIVERY", " #2", " INTERCONNECT", " (MAINLINE)", " PLANT", " & PIKE", "/SOUTH", " LAT.")


def make_locations(seed: int, asset: Asset) -> list[Location]:
    """The rows of an asset as they are on the first gas day; about one location in seven has two."""
    rng = random.Random(f"{seed}/capacity/{asset.code}/locations")
    names = [f"{a} {b}" for a in _FIRST for b in _SECOND]
    rng.shuffle(names)
    numbers = rng.sample(range(1_000, 260_000), asset.locations)
    rows: list[Location] = []
    for at in range(asset.locations):
        name = names[at] + _LAST[at % len(_LAST)]
        if at == 1:
            name = f" {name}"
        if at % 7 == 2:
            name = name.replace(" ", "  ", 1)
        design = max(5, round(min(8_500, 110 * math.exp(rng.gauss(0, 1.7))))) * 100
        # About as often as in real postings: more than the design, less, or the same.
        share = rng.choices((1.0, rng.uniform(1.05, 2.5), rng.uniform(0.4, 0.95)), (53, 29, 18))[0]
        first = Location(
            loc=str(numbers[at]),
            zone=asset.zones[rng.randrange(len(asset.zones))],
            name=name,
            flow="R" if rng.random() < 0.24 else "D",
            design=design,
            operating=round(design * share),
            is_interruptible=rng.random() < 0.13,
            has_overrun=at % 30 == 8,
            level=0 if rng.random() < 0.55 else round(design * share * rng.uniform(0.05, 0.95)),
        )
        if at in (20, 21):
            first = replace(first, operating=None, level=0)
        if at == 22:
            first = replace(first, design=None)
        if at in (3, 5, 25):
            first = replace(first, level=round(0.6 * (first.operating or 0)))
        rows.append(first)
        if at % 7 == 6:
            both = "D" if first.flow == "R" else "R"
            rows.append(replace(first, flow=both, level=round(first.level * 0.4), has_overrun=False))
    return rows


@dataclass(frozen=True)
class Change:
    """Something that happens to a location (by its position in the order of making) on gas days [first, until)."""

    asset: str
    position: int
    first: int
    """Gas days after the world's first one."""
    until: int | None
    kind: str
    """name, zone, cut, raise, absent, oversubscribed."""


CHANGES = (
    Change("TW", 3, 12, None, "name"),
    Change("TW", 5, 8, 11, "cut"),
    Change("TW", 9, 15, None, "raise"),
    Change("TW", 12, 0, 9, "absent"),
    Change("TW", 17, 19, None, "absent"),
    Change("TW", 25, 10, 14, "oversubscribed"),
    Change("TW", 30, 6, 10, "absent"),
    Change("FEP", 4, 5, None, "cut"),
    Change("FEP", 8, 13, None, "zone"),
)


def on_day(asset: Asset, locations: Sequence[Location], day: int) -> list[Location]:
    """The rows of an asset on a gas day (counted from the world's first one), changes applied, sorted by name."""
    order = {loc: position for position, loc in enumerate(dict.fromkeys(row.loc for row in locations))}
    found = []
    for row in locations:
        changed: Location | None = row
        for change in CHANGES:
            is_on = change.first <= day and (change.until is None or day < change.until)
            if changed is not None and (change.asset, change.position) == (asset.code, order[row.loc]) and is_on:
                changed = _apply(change, changed, asset)
        if changed is not None:
            found.append(changed)
    return sorted(found, key=lambda row: (row.name, row.flow))


def _apply(change: Change, row: Location, asset: Asset) -> Location | None:
    match change.kind:
        case "absent":
            return None
        case "name":
            return replace(row, name=f"{row.name} EAST")
        case "zone":
            return replace(row, zone=next(zone for zone in asset.zones if zone != row.zone))
        case "cut":
            return replace(row, operating=(row.operating or 0) // 2, level=row.level // 3)
        case "raise":
            more = (row.design or 0) + 5_000
            return replace(row, design=more, operating=more)
        case "oversubscribed":
            return replace(row, level=round((row.operating or 0) * 1.02) + 40)
    raise ValueError(f"no such change: {change.kind}")


def scheduled(seed: int, asset: Asset, locations: Sequence[Location], gas_day: date, cycles: int) -> list[list[int]]:
    """TSQ of each row for each cycle of a gas day: most stay from cycle to cycle, some move."""
    rng = random.Random(f"{seed}/capacity/{asset.code}/{gas_day}")
    quantities = []
    for row in locations:
        if not row.level:
            # Now and then somebody nominates where nobody else does.
            first = rng.randrange(100, 2_000) if rng.random() < 0.02 and row.operating else 0
        else:
            first = round(row.level * rng.uniform(0.9, 1.05))
        values = [first]
        for _ in range(cycles - 1):
            moves = values[-1] > 0 and rng.random() < 0.3
            values.append(max(0, values[-1] + rng.randrange(-600, 700)) if moves else values[-1])
        quantities.append(values)
    return quantities


def values(row: Location, quantity: int) -> dict[str, str]:
    """The row as posted, by column: available is what operating capacity leaves, never below zero."""
    reasons = []
    if row.operating is None:
        reasons.append(NO_QUANTITIES)
    if row.design is None:
        reasons.append(NO_DESIGN)
    is_receipt = row.flow == "R"
    operating = row.operating
    return {
        "Loc": row.loc,
        "Loc Zn": row.zone,
        "Loc Name": row.name,
        "Loc Purp Desc": "M2" if is_receipt else "MQ",
        "Loc/QTI": "RPQ" if is_receipt else "DPQ",
        "Flow Ind": row.flow,
        "DC": "" if row.design is None else str(row.design),
        "OPC": "" if operating is None else str(operating),
        "TSQ": "" if operating is None else str(quantity),
        "OAC": "" if operating is None else str(max(0, operating - quantity)),
        "IT": "Y" if row.is_interruptible else "N",
        "Auth Overrun Ind": "Y" if row.has_overrun else "N",
        "Nom Cap Exceed Ind": "Y" if operating is not None and quantity > operating else "N",
        "All Qty Avail": "N" if reasons else "Y",
        "Qty Reason": ";".join(reasons),
    }
