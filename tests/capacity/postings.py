"""Postings of one invented pipeline, few enough to be added up by hand, in four loads.

load 1  gas day 15 March 2021: Timely; Evening, which lacks 3003 and is the first to have 4004
load 2  Timely of 15 March posted again; Final of 13 March, two days before what was landed first
load 3  Final of 15 March, with a line twice and one without a location; Evening once more as it was
load 4  gas day 6 November: Timely, with the one location that is left
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.raw_rows import Row

UNAVAILABLE = "Total Scheduled Quantity unavailable;Operating Capacity unavailable"
Line = tuple[str, str, str, str | None, str | None, str | None, str | None]
"""Location, flow indicator, name, then DC, OPC, TSQ and OAC as posted."""


def posting(gas_day: str, cycle: str, downloaded_at: str, *lines: Line, **more: str) -> list[Row]:
    """Rows of one answer for asset TW; a line without quantities has a reason. `more` is set on the first line."""
    rows: list[dict[str, str | None]] = [
        {
            "asset": "TW", "gas_day": gas_day, "cycle": cycle, "search_type": "ALL", "downloaded_at": downloaded_at,
            "loc": loc, "loc_zn": "WEST", "loc_name": name, "flow_ind": flow, "dc": dc, "opc": opc, "tsq": tsq,
            "oac": oac, "it": "N", "qty_reason": UNAVAILABLE if tsq in ("", None) else "", "all_qty_avail": "",
            "nom_cap_exceed_ind": "",
        }
        for loc, flow, name, dc, opc, tsq, oac in lines
    ]  # fmt: skip
    rows[0].update(more)
    return list(rows)


TIMELY = posting(
    "2021-03-15", "0", "2021-03-14T22:05:00Z",
    ("1001", "D", " NORTH  HUB", "1000", "900", "600", "300"),
    ("1001", "R", " NORTH  HUB", "500", "500", "500", "0"),
    ("2002", "D", "MESA", "70", "", "", ""),
    ("3003", "D", "CLOSED", "40", "0", "0", "0"),
)  # fmt: skip
EVENING = posting(
    "2021-03-15", "1", "2021-03-15T02:05:00Z",
    # More is scheduled than can flow, and more can flow than the design says.
    ("1001", "D", " NORTH  HUB", "1000", "1100", "1150", "0"),
    ("1001", "R", " NORTH  HUB", "500", "500", "400", "100"),
    ("2002", "D", "MESA", "70", "60", "10", "50"),
    ("4004", "R", "NEW", "2,000", "1,234", "1,200", "34"),
)  # fmt: skip
TIMELY_AGAIN = posting(
    "2021-03-15", "0", "2021-03-15T20:00:00Z",
    ("1001", "D", " NORTH  HUB", "1000", "900", "650", "250"),
    ("1001", "R", " NORTH  HUB", "500", "500", "500", "0"),
    ("2002", "D", "MESA", "70", "", "", ""),
    ("3003", "D", "CLOSED", "40", "0", "5", "0"),
)  # fmt: skip
FINAL_13 = posting(
    "2021-03-13", "5", "2021-03-14T14:10:00Z",
    ("1001", "D", "NORTH HUB OLD", "800", "800", "100", "700"),
    ("3003", "D", "CLOSED", "40", "0", "0", "0"),
)  # fmt: skip
FINAL = [
    *posting(
        "2021-03-15", "5", "2021-03-16T14:10:00Z",
        ("1001", "D", " NORTH  HUB", "1000", "900", "1", "899"),
        ("1001", "D", " NORTH  HUB", "1000", "900", "700", "200"),
        ("1001", "R", " NORTH  HUB", "500", "500", "450", "50"),
        ("2002", "D", "MESA", "70", "60", "10", "50"),
        ("3003", "D", "CLOSED", "40", "0", "0", "0"),
    ),
    *posting("2021-03-15", "5", "2021-03-16T14:10:00Z", ("", "D", "NOWHERE", "9", "9", "9", "0")),
]  # fmt: skip
TIMELY_NOVEMBER = posting(
    "2021-11-06", "0", "2021-11-05T22:05:00Z",
    ("1001", "D", " NORTH  HUB", "1000", "900", "600", "300"), nom_cap_exceed_ind="Y",
)  # fmt: skip

LOADS: Sequence[Mapping[str, list[Row]]] = (
    {"timely": TIMELY, "evening": EVENING},
    {"timely-again": TIMELY_AGAIN, "final-13": FINAL_13},
    {"final": FINAL, "evening": EVENING},
    {"november": TIMELY_NOVEMBER},
)
