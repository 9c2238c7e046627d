"""The fault set of the gas capacity: a small world of postings that are broken or odd, one case per gas day.

The server serves it like any world (asset TW, cycle 0, one gas day after the other from 2021-01-04). `outcome` of a
case is `landed` with `rows`, `rejected` (the request is named, the rest lands) or `not posted`. `values` are raw
columns of its first row: `text` is what raw holds, `outcome` what it is as a number (None: null without a failure,
`fails`: null and a row of the parse ledger). `breaks` names the identity that the row does not keep, `kept_rows` what
is left when of one key the later row of the file wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.systems.energy_transfer.network import ASSETS, COLUMNS, Location, values
from simulator.systems.energy_transfer.postings import Posting, csv_bytes, file_name, write_index
from simulator.systems.energy_transfer.timetable import CYCLES

FIRST = date(2021, 1, 4)
# raw column, its heading, text as sent, outcome
VALUES: tuple[tuple[str, str, str, str | None], ...] = (
    ("tsq", "TSQ", "1,234", "1234"),
    ("opc", "OPC", " 5000 ", "5000"),
    ("dc", "DC", "", None),
    ("oac", "OAC", "3766.0", "3766"),
    ("tsq", "TSQ", "N/A", None),
    ("tsq", "TSQ", "12,34", "fails"),
    ("opc", "OPC", "5_000", "fails"),
    ("oac", "OAC", "-1", "-1"),
    ("dc", "DC", "abc", "fails"),
    ("dc", "DC", "99999999999999999999", "fails"),
    ("loc", "Loc", "007", "007"),
)
_ROW = Location("12345", "MESA", "SAMPLE DRAW", "D", 6000, 5000, False, False, 0)
_TWO = (values(_ROW, 1234), values(replace(_ROW, name="SAMPLE FLATS", flow="R"), 300))


def _body(*rows: dict[str, str], columns: Sequence[str] = COLUMNS) -> bytes:
    return csv_bytes(columns, rows or _TWO)


def _cases() -> list[tuple[str, bytes, str, int | None, dict[str, Any]]]:
    """What is wrong, the body, the outcome, the rows that land, and what else is to be said."""
    good = _body()
    header = good[: good.index(b"\r\n") + 2]
    unquoted = good.replace(b'"', b"").replace(b"\r\n", b"\n")
    doubled = values(_ROW, 1234)
    comma = {**_TWO[0], "Loc Name": 'SAMPLE, "THE" DRAW'}
    without_reason = {**_TWO[0], "TSQ": "", "OAC": "", "All Qty Avail": "N"}
    cases: list[tuple[str, bytes, str, int | None, dict[str, Any]]] = [
        ("none: what the others are compared with", good, "landed", 2, {}),
        ("a header and no row: not posted yet", header, "not posted", 0, {}),
        ("a header without a line end", header.rstrip(), "not posted", 0, {}),
        ("zero bytes", b"", "rejected", None, {}),
        ("an HTML page with status 200", b"<html><body>Please sign in</body></html>", "rejected", None, {}),
        ("cut inside a row", good[:-60], "rejected", None, {}),
        ("a row of fourteen fields", good.replace(b'"MESA",', b"", 1), "rejected", None, {}),
        ("a row of sixteen fields", good.replace(b'"MESA",', b'"MESA","",', 1), "rejected", None, {}),
        ("Loc renamed: a key column is missing", good.replace(b'"Loc"', b'"Location"', 1), "rejected", None, {}),
        (
            "OPC renamed: it lands under its new name, opc is null",
            good.replace(b'"OPC"', b'"OP Cap"', 1),
            "landed",
            2,
            {"columns": {"op_cap": "5000", "opc": None}},
        ),
        (
            "one column more, in front",
            _body(*({"Note": "new", **row} for row in _TWO), columns=("Note", *COLUMNS)),
            "landed",
            2,
            {"columns": {"note": "new"}},
        ),
        ("a column twice", good.replace(b'"IT"', b'"DC"', 1), "rejected", None, {}),
        ("no quotes, line feeds only", unquoted, "landed", 2, {}),
        ("a byte-order mark", b"\xef\xbb\xbf" + good, "landed", 2, {}),
        ("comma and quotes inside a name", _body(comma), "landed", 1, {}),
        ("bytes that are not UTF-8", good.replace(b"SAMPLE DRAW", b"SAMPLE \xff"), "rejected", None, {}),
        ("a NUL character in a value", good.replace(b"SAMPLE DRAW", b"SAMPLE\x00DRAW"), "rejected", None, {}),
        ("the same row twice", _body(doubled, doubled), "landed", 2, {"kept_rows": 1}),
        ("one key twice, the later TSQ is 1500", _body(doubled, values(_ROW, 1500)), "landed", 2, {"kept_rows": 1}),
        ("blank quantities and no reason", _body(without_reason), "landed", 1, {"breaks": "qty_reason"}),
        ("OAC is not what OPC leaves", _body({**_TWO[0], "OAC": "1"}), "landed", 1, {"breaks": "oac"}),
    ]
    for column, heading, text, outcome in VALUES:
        case = {"values": [{"column": column, "text": text, "outcome": outcome}]}
        cases.append((f"{heading} is {text!r}", _body({**_TWO[0], heading: text}), "landed", 1, case))
    return cases


def write_faults(folder: Path) -> dict[str, Any]:
    """Writes the postings and their index; returns asset, first gas day and the cases in the order of gas days."""
    asset, cycle = ASSETS[0], CYCLES[0]
    told, postings = [], []
    (folder / "postings").mkdir()
    for number, (fault, body, outcome, rows, more) in enumerate(_cases()):
        gas_day = FIRST + timedelta(days=number)
        path = f"postings/{gas_day}.csv"
        (folder / path).write_bytes(body)
        postings.append(_posting(gas_day, file_name(asset, gas_day, cycle.name), path))
        told.append({"gas_day": str(gas_day), "fault": fault, "outcome": outcome, "rows": rows, **more})
    # The right body under names that belong to other requests.
    for fault, name in (
        ("the file name says another gas day", file_name(asset, FIRST, cycle.name)),
        ("the file name says another cycle", file_name(asset, FIRST + timedelta(days=len(postings) + 1), "Evening")),
        (
            "the file name says another asset",
            file_name(ASSETS[1], FIRST + timedelta(days=len(postings) + 2), cycle.name),
        ),
    ):
        gas_day = FIRST + timedelta(days=len(postings))
        postings.append(_posting(gas_day, name, f"postings/{FIRST}.csv"))
        told.append({"gas_day": str(gas_day), "fault": fault, "outcome": "rejected", "rows": None})
    write_index(folder, FIRST, postings)
    return {"asset": asset.code, "cycle": cycle.id, "history_from": str(FIRST), "cases": told}


def _posting(gas_day: date, name: str, path: str) -> Posting:
    posted_at = datetime(2021, 1, 3, 23, tzinfo=UTC)
    return Posting(ASSETS[0].code, gas_day, CYCLES[0].id, 1, posted_at, name, path)
