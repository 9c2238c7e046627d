"""The fault set of the smart meters: broken and odd files of reads, and databases.

`outcome` of a file is `landed`, `rejected` (the file is named, the rest lands) or `unchanged` (its content was landed
before); of a value it is what it parses to, or `fails` when it becomes null and stands in the parse ledger.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

from simulator.systems.smart_meters.agreements import SCHEMA
from simulator.systems.smart_meters.meters import COLUMNS

# text as sent -> what it is as a number with decimals (None: null without a failure, "fails": null with one)
NUMBERS: tuple[tuple[object, str | None], ...] = (
    ("12345.0", "12345.0"),
    ("1,234.5", "1234.5"),
    ("", None),
    ("   ", None),
    ("N/A", None),
    ("NULL", None),
    ("-", None),
    ("NaN", "fails"),
    ("1e400", "fails"),
    ("Infinity", "fails"),
    ("1_000", "fails"),
    ("0x1F", "fails"),
    ("abc", "fails"),
    ("1,23", "fails"),
    (None, None),
    (1000.5, "1000.5"),
)
MOMENTS: tuple[tuple[str | None, str | None], ...] = (
    ("2021-01-01 00:30:00", "2021-01-01 00:30:00"),
    ("2021-01-01T01:30:00Z", "2021-01-01 01:30:00"),
    ("2021-02-30 00:00:00", "fails"),
    ("30/01/2021 00:30", "fails"),
    ("20210328", "fails"),
    ("now", "fails"),
    ("", None),
    (None, None),
    ("2021-01-01 00:47:00", "2021-01-01 00:47:00"),
)


def write_faults(folder: Path) -> dict[str, Any]:
    """Writes `readings`, `second_delivery` and `databases`; returns the cases of each by that name."""
    parts = {"readings": _write_readings, "second_delivery": _write_second, "databases": _write_databases}
    for name in parts:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {name: write(folder / name) for name, write in parts.items()}


def _split(rows: list[list[object]], columns: tuple[str, ...] = COLUMNS) -> str:
    return json.dumps({"columns": columns, "data": rows}, separators=(",", ":"))


def _plain(meterpoint_id: str, count: int = 4, wh: int = 100) -> list[list[object]]:
    """Half-hours from 2021-01-01 00:00; the n-th reads n times `wh`."""
    return [
        [f"2021-01-01 {at // 2:02d}:{at % 2 * 30:02d}:00", round((at + 1) * wh / 1000, 3), meterpoint_id]
        for at in range(count)
    ]


def _write_readings(folder: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []

    def put(name: str, content: str | bytes, outcome: str, fault: str, rows: int | None = None, **more: object) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        cases.append({"file": name, "fault": fault, "outcome": outcome, "rows": rows, **more})

    good = _split(_plain("fa00000001"))
    names = ",".join(f'"{name}"' for name in COLUMNS)
    put("fa00000001.json", good, "landed", "none: the file the others are compared with", 4, consumption_kwh="1.000")
    put(
        "duplicate_content.json",
        good,
        "unchanged",
        "the bytes of fa00000001.json under another name: one of the two",
        0,
    )
    put("malformed.json", good.replace('],["', '],,["', 1), "rejected", "a comma too many")
    put("truncated.json", good[: len(good) // 2], "rejected", "cut in the middle")
    put("empty.json", b"", "rejected", "zero bytes")
    put("no_rows.json", _split([]), "landed", "columns and not one row", 0)
    put("text_only.json", '"hello"', "rejected", "valid JSON, no table")
    put("unknown_shape.json", '{"readings":{"fa00000002":[1,2]}}', "rejected", "an object of unknown shape")
    put("login_page.json", "<html><body>Please sign in</body></html>", "rejected", "HTML under a .json name")
    put(
        "renamed_key.json",
        _split(_plain("fa00000003"), ("start", "consumption_delta", "meterpoint_id")),
        "rejected",
        "interval_start renamed: a key column is missing",
    )
    put(
        "renamed_quantity.json",
        _split(_plain("fa00000004"), ("interval_start", "kwh_used", "meterpoint_id")),
        "rejected",
        "consumption_delta renamed: no column with a quantity, so these are no readings",
    )
    put(
        "ragged.json",
        f'{{"columns":[{names}],"data":[["2021-01-01 00:00:00",0.1]]}}',
        "rejected",
        "a row of two values",
    )
    put(
        "long_row.json",
        f'{{"columns":[{names}],"data":[["2021-01-01 00:00:00",0.1,"fa00000005",1]]}}',
        "rejected",
        "a row of four values",
    )
    put(
        "duplicate_column.json",
        _split([["2021-01-01 00:00:00", 0.1, 0.2, "fa00000006"]], (*COLUMNS[:2], "consumption_delta", COLUMNS[2])),
        "rejected",
        "two columns of one name",
    )
    put("nul_byte.json", good.replace("fa00000001", "fa\\u00000001"), "rejected", "a NUL character in a value")
    put("not_utf8.json", good.encode().replace(b"fa00000001", b"fa\xff0000001"), "rejected", "bytes that are not UTF-8")
    records = [dict(zip(COLUMNS, row, strict=True)) for row in _plain("fa00000007")]
    put("records.json", json.dumps(records), "landed", "a list of records", 4, consumption_kwh="1.000")
    results = [
        {
            "consumption": 0.25,
            "interval_start": "2020-10-01T00:30:00+01:00",
            "interval_end": "2020-10-01T01:00:00+01:00",
        },
        {
            "consumption": 0.5,
            "interval_start": "2020-10-01T00:00:00+01:00",
            "interval_end": "2020-10-01T00:30:00+01:00",
        },
    ]
    octopus = {"count": 2, "next": None, "previous": None, "results": results}
    put(
        "fa00000008.json",
        json.dumps(octopus),
        "landed",
        "the Octopus results object: no meterpoint_id, the file's stem names the meter; stamps with an offset",
        2,
        consumption_kwh="0.750",
        first_starts_at="2020-09-30 23:00:00",
    )
    packed = gzip.compress(_split(_plain("fa00000009")).encode(), mtime=0)
    put("packed.json.gz", packed, "landed", "gzip", 4, consumption_kwh="1.000")
    put("cut.json.gz", packed[:-20], "rejected", "gzip that ends early")
    put(
        "other_order.json",
        _split(
            [[row[2], "spare", row[1], row[0]] for row in _plain("fa0000000a")], (COLUMNS[2], "note", *COLUMNS[1::-1])
        ),
        "landed",
        "columns in another order and one more: mapped by name",
        4,
        consumption_kwh="1.000",
    )
    put("bom.json", b"\xef\xbb\xbf" + _split(_plain("fa0000000b")).encode(), "landed", "a byte-order mark", 4)
    pretty = json.dumps({"columns": COLUMNS, "data": _plain("fa0000000c")}, indent=2).replace("\n", "\r\n")
    put("crlf.json", pretty, "landed", "pretty-printed with CRLF", 4, consumption_kwh="1.000")
    put("unknown_meter.json", _split(_plain("ffffffffff")), "landed", "a meter that the database does not know", 4)
    put(
        "numbers.json",
        _split(
            [
                [f"2021-01-01 {at // 2:02d}:{at % 2 * 30:02d}:00", text, "fa0000000d"]
                for at, (text, _) in enumerate(NUMBERS)
            ]
        ),
        "landed",
        "quantities that are not plain numbers",
        len(NUMBERS),
        values=[{"row": at, "text": text, "outcome": parsed} for at, (text, parsed) in enumerate(NUMBERS, 1)],
    )
    put(
        "moments.json",
        _split([[text, 0.5, "fa0000000e"] for text, _ in MOMENTS]),
        "landed",
        "stamps that are no dates, or written otherwise; the last is off the half-hour grid",
        len(MOMENTS),
        values=[{"row": at, "text": text, "outcome": parsed} for at, (text, parsed) in enumerate(MOMENTS, 1)],
    )
    put(
        "identifiers.json",
        _split([["2021-01-01 00:00:00", 0.1, identifier] for identifier in ("007", "7", " 007", "", None)]),
        "landed",
        "identifiers are text: 007 is not 7; the last two rows name no meter",
        5,
    )
    doubled = [*_plain("fa0000000f"), *_plain("fa0000000f", 2), ["2021-01-01 01:00:00", 9.0, "fa0000000f"]]
    put(
        "duplicate_rows.json",
        _split(doubled),
        "landed",
        "rows 5 and 6 repeat 1 and 2; row 7 restates row 3 with 9.0, and the later row wins",
        7,
        kept_rows=4,
        consumption_kwh="9.700",
    )
    put("negative.json", _split([["2021-01-01 00:00:00", -0.5, "fa00000010"]]), "landed", "negative consumption", 1)
    return cases


def _write_second(folder: Path) -> list[dict[str, Any]]:
    restated = _split(_plain("fa00000001", wh=200))
    (folder / "fa00000001.json").write_text(restated)
    (folder / "late.json").write_text(_split([["2020-12-31 12:00:00", 3.0, "fa00000001"]]))
    return [
        {
            "file": "fa00000001.json",
            "fault": "restated: the same half-hours with twice the quantity, delivered later",
            "outcome": "landed",
            "rows": 4,
            "kept_rows": 4,
            "consumption_kwh": "2.000",
            "superseded_rows": 4,
            "superseded_kwh": "1.000",
        },
        {
            "file": "late.json",
            "fault": "a half-hour of an earlier day that arrives late",
            "outcome": "landed",
            "rows": 1,
            "consumption_kwh": "3.000",
        },
    ]


def _write_databases(folder: Path) -> list[dict[str, Any]]:
    product, meter, account = "f000000001", "fa00000001", "ac00000001"
    odd: tuple[tuple[str, tuple[object, ...]], ...] = (
        ("good", (1, "2020-01-01", "2021-01-01", product, meter, account)),
        ("valid_to before valid_from", (2, "2021-03-01", "2021-02-01", product, meter, account)),
        ("overlaps agreement 4 for a month", (3, "2021-01-01", "2021-03-01", product, meter, account)),
        ("overlaps agreement 3 for a month", (4, "2021-02-01", None, product, meter, account)),
        ("unknown product", (5, "2020-01-01", None, "0000000000", "fa00000007", account)),
        ("unknown meter point", (6, "2020-01-01", None, product, "0000000000", account)),
        ("no valid_from", (7, None, "2021-01-01", product, "fa00000009", account)),
        ("30 February", (8, "2020-02-30", None, product, "fa0000000a", account)),
        ("text in an integer column", ("abc", "2020-01-01", None, product, "fa0000000b", account)),
        ("same agreement_id twice", (1, "2020-01-01", None, product, "fa0000000c", account)),
        ("bytes in a text column", (9, "2020-01-01", None, b"f000000001", "fa0000000d", account)),
    )
    good = folder / "odd_rows.db"
    _database(good, [row for _, row in odd])
    _database(folder / "invalid_text.db", [odd[0][1]], extra="update agreement set account_id = cast(x'ff61' as text)")
    _database(
        folder / "renamed_column.db", [odd[0][1]], extra="alter table agreement rename column product_id to product"
    )
    _database(folder / "missing_table.db", [odd[0][1]], extra="drop table product")
    whole = good.read_bytes()
    (folder / "truncated.db").write_bytes(whole[: len(whole) // 2])
    (folder / "corrupt.db").write_bytes(whole[:4096] + b"\xa5" * 2048 + whole[4096 + 2048 :])
    (folder / "not_a_database.db").write_bytes(b"agreement_id,product_id\n1,f000000001\n" * 200)
    (folder / "empty.db").write_bytes(b"")
    rejected = {
        "truncated.db": "half of the file",
        "corrupt.db": "a page overwritten",
        "not_a_database.db": "CSV under a .db name",
        "empty.db": "zero bytes",
        "missing_table.db": "the product table is gone",
        "renamed_column.db": "product_id renamed, a column that agreements need",
        "invalid_text.db": "text that is not UTF-8",
    }
    rows = [{"row": number, "fault": fault} for number, (fault, _) in enumerate(odd, 1)]
    cases: list[dict[str, Any]] = [
        {"file": good.name, "fault": "odd agreements", "outcome": "landed", "agreements": rows}
    ]
    return cases + [{"file": name, "fault": fault, "outcome": "rejected"} for name, fault in rejected.items()]


def _database(path: Path, agreements: list[tuple[object, ...]], extra: str = "") -> None:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.executescript(SCHEMA)
        connection.executemany("insert into agreement values (?, ?, ?, ?, ?, ?)", agreements)
        connection.execute("insert into product values ('Sample Fault', 0, 99, 'f000000001')")
        connection.executemany(
            "insert into meterpoint values ('Nowhere', ?)", [(f"fa{number:08x}",) for number in range(1, 17)]
        )
        connection.execute(extra or "select 1")
        connection.commit()
    finally:
        connection.close()
