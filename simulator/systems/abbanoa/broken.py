"""Broken and odd deliveries of the water system: each file is one case of its own.

`outcome` of a file is `landed` or `rejected` (the file is named, the rest lands); of a value it is what it parses to
(UTC for stamps), None for null without a failure, or `fails` when it becomes null and stands in the parse ledger.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.systems.abbanoa.deliveries import CSV_COLUMNS
from simulator.systems.abbanoa.network import COLUMNS as NODE_COLUMNS

# What a logger writes for 0.01 L/s and the like, and the number it is.
COMMA_NUMBERS: tuple[tuple[str, str | None], ...] = (
    ("1.234,56", "1234.56"),
    ("1234,56", "1234.56"),
    ("10.874.210,125", "10874210.125"),
    ("-1,5", "-1.5"),
    ("0,0", "0.0"),
    ("7", "7"),
    ("1.234", "1234"),
    ("1,234.5", "fails"),
    ("12.34,5", "fails"),
    ("1,2,3", "fails"),
    ("1e400", "fails"),
    ("NaN", "fails"),
    ("guasto", "fails"),
)
STAMPS: tuple[tuple[str, str | None], ...] = (
    ("2021-03-28 00:30:00 UTC", "2021-03-28 00:30:00"),
    ("2021-03-28 00:35:00+00", "2021-03-28 00:35:00"),
    ("2021-03-28T00:40:00Z", "2021-03-28 00:40:00"),
    ("2021-03-28 03:30:00", "2021-03-28 01:30:00"),
    ("2021-02-30 00:00:00 UTC", "fails"),
    ("2021-03-27 25:00:00 UTC", "fails"),
    ("ieri", "fails"),
)


def write_faults(folder: Path) -> dict[str, Any]:
    """Writes `readings/` and `nodes/` of broken deliveries; returns the cases. Not seeded: they are written out."""
    readings, nodes = folder / "readings", folder / "nodes"
    readings.mkdir(parents=True, exist_ok=True)
    nodes.mkdir(parents=True, exist_ok=True)
    return {"readings": _clean(readings) + _loggers(readings), "nodes": _nodes(nodes)}


class _Cases:
    """Files of one folder with what must come of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.listed: list[dict[str, Any]] = []

    def put(self, name: str, content: str | bytes, outcome: str, fault: str, rows: int = 0, **more: object) -> None:
        """`rows` of a landed file: rows of the sensor table, values of a logger file, nodes of a list."""
        (self._folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        landed = {"rows": rows} if outcome == "landed" else {}
        self.listed.append({"file": name, "fault": fault, "outcome": outcome, **landed, **more})


def _row(node_id: str, stamp: str, flow: str = "5.00", volume: str = "100.000") -> list[str]:
    return [
        stamp, node_id, "DIST_900", "Guasti", f"Nodo {node_id}", "output", flow, "4.10", "17.0", volume, "4.10", "",
        "1.000", "false", "guasti", "2021-03-02 03:00:00 UTC",
    ]  # fmt: skip


def _hours(node_id: str, count: int = 4) -> list[list[str]]:
    """Readings every quarter of an hour from 2021-03-01 00:00 UTC, 5 L/s each."""
    return [_row(node_id, f"2021-03-01 00:{at * 15:02d}:00 UTC", volume=f"{100 + at * 4.5:.3f}") for at in range(count)]


def _table(rows: list[list[str]], columns: tuple[str, ...] = CSV_COLUMNS, delimiter: str = ",") -> str:
    return "".join(delimiter.join(row) + "\n" for row in [list(columns), *rows])


def _clean(folder: Path) -> list[dict[str, Any]]:
    cases = _Cases(folder)
    put = cases.put
    put("good.csv", _table(_hours("990001")), "landed", "none: the file the others are compared with", 4)
    put("wrong_delimiter.csv", _table(_hours("990002"), delimiter=";"), "rejected", "semicolons in a clean export")
    put("header_only.csv", _table([]), "landed", "columns and not one row", 0)
    put("empty.csv", b"", "rejected", "zero bytes")
    put("login_page.csv", "<html><body>Accesso negato</body></html>\n", "rejected", "HTML under a .csv name")
    short = [*_hours("990003"), _row("990003", "2021-03-01 01:00:00 UTC")[:9]]
    put("ragged_row.csv", _table(short), "rejected", "a row of nine values")
    long = [*_hours("990004"), [*_row("990004", "2021-03-01 01:00:00 UTC"), "1"]]
    put("long_row.csv", _table(long), "rejected", "a row of seventeen values")
    put("open_quote.csv", _table(_hours("990005")).replace("Nodo", '"Nodo', 1), "rejected", "a quote never closed")
    doubled = tuple("flow_rate" if name == "pressure" else name for name in CSV_COLUMNS)
    put("duplicate_column.csv", _table(_hours("990006"), doubled), "rejected", "two columns named flow_rate")
    renamed = tuple("quando" if name == "timestamp" else name for name in CSV_COLUMNS)
    put("renamed_key.csv", _table(_hours("990007"), renamed), "rejected", "timestamp renamed: a key column is missing")
    whole = _table(_hours("990008"))
    put("nul_byte.csv", whole.replace("Guasti", "Gua\0sti", 1), "rejected", "a NUL byte in a value")
    put("utf16_without_bom.csv", whole.encode("utf-16-le"), "rejected", "UTF-16 that does not say so")
    put(
        "not_utf8.csv",
        _table(_hours("990009")).replace("Guasti", "Città").encode("cp1252"),
        "landed",
        "cp1252: lands where cp1252 is declared, rejected where utf-8 is",
        4,
        outcome_declared_utf8="rejected",
    )
    put(
        "no_encoding.csv",
        _table(_hours("990010")).encode().replace(b"Guasti", b"Gua\x81sti"),
        "rejected",
        "a byte that neither UTF-8 nor cp1252 knows",
    )
    packed = gzip.compress(_table(_hours("990011")).encode(), mtime=0)
    put("packed.csv.gz", packed, "landed", "gzip", 4)
    put("cut.csv.gz", packed[:-20], "rejected", "gzip that ends early")
    put("crlf_and_bom.csv", b"\xef\xbb\xbf" + _table(_hours("990012")).replace("\n", "\r\n").encode(), "landed", "", 4)
    cases.listed[-1]["fault"] = "a byte-order mark and CRLF"
    put(
        "stamps.csv",
        _table([_row("990013", stamp) for stamp, _ in STAMPS]),
        "landed",
        "every way to write a stamp, and three that are none; the fourth is local time",
        len(STAMPS),
        values=[{"row": at, "text": text, "outcome": found} for at, (text, found) in enumerate(STAMPS, 1)],
    )
    flows = (("abc", "fails"), ("1,5", "fails"), ("", None), ("1e400", "fails"), (" 5.0 ", "5.0"))
    put(
        "flows.csv",
        _table(
            [
                _row("990014", f"2021-03-01 0{at}:00:00 UTC", f'"{text}"' if "," in text else text)
                for at, (text, _) in enumerate(flows)
            ]
        ),
        "landed",
        "flows that are no plain numbers",
        len(flows),
        values=[{"row": at, "text": text, "outcome": found} for at, (text, found) in enumerate(flows, 1)],
    )
    put("parquet.parquet", _parquet(), "landed", "two columns of a Parquet file are enough", 2)
    content = _parquet()
    put("cut.parquet", content[: len(content) // 2], "rejected", "half of a Parquet file")
    put("text.parquet", whole, "rejected", "CSV under a .parquet name")
    return cases.listed


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    stamps = ["2021-03-01 00:00:00 UTC", "2021-03-01 00:15:00 UTC"]
    pq.write_table(pa.table({"timestamp": stamps, "node_id": ["990015", "990015"], "flow_rate": [5.0, 5.25]}), sink)
    found: bytes = sink.getvalue().to_pybytes()
    return found


_EXPORT = "DATA;ORA;GUASTI UNO PORTATA;GUASTI UNO PRESSIONE\n;;L/S;BAR\n"
_LOG = ";DATE;TIME;TOT_T;FLOW_R;A_IN1;A_IN2;CPU_T\n;;;M3;L/S;BAR;BAR;°C\n"


def _loggers(folder: Path) -> list[dict[str, Any]]:
    cases = _Cases(folder)
    put = cases.put
    lines = [f"01/03/2021;0{at}:00:00;5,0{at};4,10\n" for at in range(4)]
    body = "".join(lines)
    put("export_good.csv", _EXPORT + body, "landed", "none: the file the others are compared with", 8)
    put(
        "export_one_header.csv",
        _EXPORT.splitlines(keepends=True)[0] + body,
        "rejected",
        "no row of units: what the values are is not said",
    )
    put("export_commas.csv", (_EXPORT + body).replace(",", ".").replace(";", ","), "rejected", "commas between columns")
    put("export_ragged.csv", f"{_EXPORT}{body}01/03/2021;04:00:00;5,04\n", "rejected", "a row of three values")
    put(
        "export_duplicate_channel.csv",
        _EXPORT.replace("PRESSIONE", "PORTATA") + body,
        "rejected",
        "two channels of one name",
    )
    put("export_nul.csv", _EXPORT + body.replace("5,01", "5,\x001"), "rejected", "a NUL byte in a value")
    unknown = _EXPORT.replace("BAR", "KPA") + body
    put("export_unknown_unit.csv", unknown, "landed", "kilopascal is no unit we know: landed, of no measure", 8)
    put(
        "export_impossible_date.csv",
        f"{_EXPORT}{body}31/02/2021;00:00:00;9,99;9,99\n29/02/2021;00:00:00;9,99;9,99\n",
        "landed",
        "rows 5 and 6 of six have dates that no calendar has: four values whose stamp fails",
        12,
        failing_values=4,
    )
    put(
        "export_numbers.csv",
        "DATA;ORA;GUASTI DUE TOTALIZZATORE\n;;M3\n"
        + "".join(f"01/03/2021;{at:02d}:00:00;{text}\n" for at, (text, _) in enumerate(COMMA_NUMBERS)),
        "landed",
        "numbers as loggers write them, and what is none",
        len(COMMA_NUMBERS),
        values=[{"row": at, "text": text, "outcome": found} for at, (text, found) in enumerate(COMMA_NUMBERS, 1)],
    )
    rows = [f"{at + 1};2021/03/01;0{at}:00:00;{100 + 18 * at},000;5,00;4,10;0,0;17,0\n" for at in range(4)]
    log = _LOG + "".join(rows)
    name = "_GUASTI_2021_03_01_00_00_00_DATA_LOG.csv"
    put(f"990020{name}", log, "landed", "none: a data log", 20)
    put(f"990021{name}", log.encode("utf-16"), "landed", "UTF-16 with its byte-order mark", 20)
    put(f"990022{name}", log.encode("utf-16-le"), "rejected", "UTF-16 that does not say so")
    put(
        f"990023{name}",
        log.encode("cp1252"),
        "landed",
        "cp1252: lands where cp1252 is declared, rejected where utf-8 is",
        20,
        outcome_declared_utf8="rejected",
    )
    put(f"990024{name}", log.replace("2;2021", "2021", 1), "rejected", "a row without its index")
    put(f"990025{name}", _LOG.splitlines(keepends=True)[0], "rejected", "one header row and nothing else")
    put(f"990026{name}", _LOG, "landed", "both header rows and not one reading", 0)
    return cases.listed


def _nodes(folder: Path) -> list[dict[str, Any]]:
    cases = _Cases(folder)
    good = [
        "990001", "Nodo Guasti", "output", "DIST_900", "Guasti", "synthetic", "39.250000", "9.150000", "2015-01-15",
        "2020-10-01", "true", "15", "", "{}",
    ]  # fmt: skip
    cases.put("nodes_20210301.csv", _table([good], NODE_COLUMNS), "landed", "none", 1)
    cases.put("nodes_wrong_delimiter.csv", _table([good], NODE_COLUMNS, ";"), "rejected", "semicolons")
    cases.put("nodes_ragged.csv", _table([good, good[:5]], NODE_COLUMNS), "rejected", "a row of five values")
    cases.put("nodes_empty.csv", b"", "rejected", "zero bytes")
    without = tuple("codice" if name == "node_id" else name for name in NODE_COLUMNS)
    cases.put("nodes_renamed_key.csv", _table([good], without), "rejected", "node_id renamed: the key is missing")
    return cases.listed
