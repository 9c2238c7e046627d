"""The delivered files: clean CSV and Parquet exports of the sensor table, and both dialects of the loggers."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.systems.abbanoa.physics import Clock, local_clock, midnight
from simulator.systems.abbanoa.plan import DUPLICATED, DUPLICATED_DAYS, LATE, LATE_DAY, OVERLAP_DAYS
from simulator.systems.abbanoa.readings import NodeReadings, Reading
from simulator.systems.abbanoa.texts import bar, degrees, european, lps, m3, utc_text

CSV_COLUMNS = (
    "timestamp", "node_id", "district_id", "district_name", "node_name", "node_type", "flow_rate", "pressure",
    "temperature", "volume", "pressure_1", "pressure_2", "data_quality_score", "is_interpolated", "source_file",
    "ingestion_timestamp",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "utf-16")
"""In turn. UTF-16 has its byte-order mark; cp1252 is what has to be declared."""
_LOG_COLUMNS = ("TOT_T", "FLOW_R", "A_IN1", "A_IN2", "CPU_T")
_CHANNELS = {"flow": ("PORTATA", "L/S"), "pressure": ("PRESSIONE", "BAR"), "counter": ("TOTALIZZATORE", "M3")}


@dataclass
class Delivered:
    """What was written, for the truth."""

    files: list[dict[str, object]] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    """Rows delivered per node, or stamps of a logger file that hold a value of it."""
    duplicates: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    log_values: Counter[str] = field(default_factory=Counter)
    """Cells of logger files with a value."""
    empty_cells: int = 0

    def add(self, name: str, dialect: str, encoding: str, rows: int, **more: object) -> None:
        self.files.append({"file": name, "dialect": dialect, "encoding": encoding, "rows": rows, **more})


def write_readings(folder: Path, clock: Clock, nodes: Sequence[NodeReadings]) -> Delivered:
    """All deliveries of a window into one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    done = Delivered()
    by_dialect: dict[str, list[NodeReadings]] = {}
    for node in nodes:
        by_dialect.setdefault(node.zone.dialect, []).append(node)
    _clean_csv(folder, clock, by_dialect["clean csv"], done)
    _parquet(folder, clock, by_dialect["parquet"], done)
    _exports(folder, clock, by_dialect["logger export"], done)
    _data_logs(folder, clock, by_dialect["logger data log"], done)
    return done


def spans(clock: Clock, days: int) -> Iterator[tuple[date, date]]:
    """The window in pieces of so many local days, both ends included."""
    first = clock.first_day
    while first <= clock.until:
        last = min(first + timedelta(days=days - 1), clock.until)
        yield first, last
        first = last + timedelta(days=1)


def _within(readings: list[Reading], first: date, last: date) -> list[Reading]:
    starts_at, ends_at = midnight(first), midnight(last + timedelta(days=1))
    return [reading for reading in readings if starts_at <= reading.at < ends_at]


def score(node: NodeReadings, reading: Reading) -> str:
    """Share of the four measures present, halved for each one out of range; 0.85 for what the source filled in."""
    if reading.is_interpolated:
        return "0.850"
    present = 4 if node.node.has_flow else 2
    thousandths = 250 * present
    flow = reading.flow or 0
    for out in (not 0 <= flow <= 100_000, not 0 <= reading.pressure <= 2_000_000, not 0 <= reading.temperature <= 500):
        thousandths = thousandths // 2 if out else thousandths
    return f"{thousandths / 1000:.3f}"


def _csv_row(node: NodeReadings, reading: Reading, stamp: str, name: str, arrived: str) -> list[str]:
    pressure = bar(reading.pressure)
    return [
        stamp,
        node.node.node_id,
        node.zone.district_id,
        node.zone.name,
        node.node.name,
        node.node.type,
        "" if reading.flow is None else lps(reading.flow),
        pressure,
        degrees(reading.temperature),
        "" if reading.counter is None else m3(reading.counter),
        pressure,
        "",
        score(node, reading),
        "true" if reading.is_interpolated else "false",
        name,
        arrived,
    ]


def _clean_csv(folder: Path, clock: Clock, nodes: list[NodeReadings], done: Delivered) -> None:
    """A file a week. The second names the score `quality_score` and the counter `total_flow` and ends its stamps with
    Z, the third writes +00, the fourth naive local time (where no hour repeats) and is packed; the others end with
    ` UTC`."""
    late_from = midnight(clock.first_day + timedelta(days=LATE_DAY))
    late_until = midnight(clock.first_day + timedelta(days=LATE_DAY + 1))
    zone = nodes[0].zone.name.lower()
    for number, (first, last) in enumerate(spans(clock, 7)):
        name = f"{zone}_{first:%Y%m%d}_{last:%Y%m%d}.csv"
        arrived = f"{utc_text(midnight(last + timedelta(days=1)) + 4 * 3600)} UTC"
        pairs = sorted(
            (
                (reading, node)
                for node in nodes
                for reading in _within(node.readings, first, last)
                if not (node.node.node_id == LATE and late_from <= reading.at < late_until)
            ),
            key=lambda pair: pair[0].at,
        )
        suffixes = {1: "Z", 2: "+00"}
        rows = []
        local = local_clock(reading.at for reading, _ in pairs) if number == 3 else []
        if local != sorted(local):
            local = []
        again = _sent_twice(clock, pairs)
        conflicting = again[len(again) // 2][0].at if again else None
        for place, (reading, node) in enumerate(pairs):
            stamp = str(local[place]) if local else utc_text(reading.at) + suffixes.get(number, " UTC")
            if reading.at == conflicting and node.node.node_id == DUPLICATED:
                reading = replace(reading, flow=(reading.flow or 0) + 37)
                done.conflicts[DUPLICATED] += 1
            rows.append(_csv_row(node, reading, stamp, name, arrived))
        for reading, node in again:
            rows.append(_csv_row(node, reading, utc_text(reading.at) + suffixes.get(number, " UTC"), name, arrived))
            done.duplicates[DUPLICATED] += 1
        columns = list(CSV_COLUMNS)
        if number == 1:
            columns[columns.index("data_quality_score")] = "quality_score"
            columns[columns.index("volume")] = "total_flow"
        _put_csv(folder, f"{name}.gz" if number == 3 else name, columns, rows, done)
    late = [(reading, node) for node in nodes if node.node.node_id == LATE for reading in node.readings]
    late = [pair for pair in late if late_from <= pair[0].at < late_until]
    day = clock.first_day + timedelta(days=LATE_DAY)
    _extra(folder, f"{zone}_late_{day:%Y%m%d}.csv", late, late_until + 9 * 86_400, done)
    first, last = (clock.first_day + timedelta(days=OVERLAP_DAYS[0]), clock.first_day + timedelta(days=OVERLAP_DAYS[1]))
    both = [(reading, node) for node in nodes for reading in _within(node.readings, first, last - timedelta(days=1))]
    for _, node in both:
        done.duplicates[node.node.node_id] += 1
    _extra(folder, f"{zone}_overlap_{first:%Y%m%d}.csv", both, midnight(last) + 4 * 86_400, done)


def _sent_twice(clock: Clock, pairs: list[tuple[Reading, NodeReadings]]) -> list[tuple[Reading, NodeReadings]]:
    """Rows of one node that stand in its file again, further down: none to two of each hour, so four to six an hour."""
    first, last = (midnight(clock.first_day + timedelta(days=day)) for day in DUPLICATED_DAYS)
    mine = [pair for pair in pairs if pair[1].node.node_id == DUPLICATED and first <= pair[0].at < last]
    return [pair for pair in mine if pair[0].at // 900 % 4 < pair[0].at // 3600 % 3]


def _extra(folder: Path, name: str, pairs: list[tuple[Reading, NodeReadings]], arrived: int, done: Delivered) -> None:
    if pairs:
        pairs.sort(key=lambda pair: pair[0].at)
        text = f"{utc_text(arrived)} UTC"
        rows = [_csv_row(node, reading, f"{utc_text(reading.at)} UTC", name, text) for reading, node in pairs]
        _put_csv(folder, name, list(CSV_COLUMNS), rows, done)


def _put_csv(folder: Path, name: str, columns: list[str], rows: list[list[str]], done: Delivered) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    content = text.getvalue().encode()
    (folder / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    for row in rows:
        done.rows[row[1]] += 1
    done.add(name, "clean csv", "utf-8", len(rows))


def _parquet(folder: Path, clock: Clock, nodes: list[NodeReadings], done: Delivered) -> None:
    """A file a calendar month, typed: stamps with a zone, doubles, booleans; by node, then by time."""
    schema = pa.schema(
        [
            ("timestamp", pa.timestamp("us", tz="UTC")),
            *((name, pa.string()) for name in CSV_COLUMNS[1:6]),
            *((name, pa.float64()) for name in CSV_COLUMNS[6:13]),
            ("is_interpolated", pa.bool_()),
            ("source_file", pa.string()),
            ("ingestion_timestamp", pa.timestamp("us", tz="UTC")),
        ]
    )
    months: dict[tuple[int, int], tuple[date, date]] = {}
    for day, _ in spans(clock, 1):
        first, _ = months.get((day.year, day.month), (day, day))
        months[day.year, day.month] = (first, day)
    for first, last in months.values():
        name = f"{nodes[0].zone.name.lower()}_{first:%Y%m%d}_{last:%Y%m%d}.parquet"
        arrived = datetime.fromtimestamp(midnight(last + timedelta(days=1)) + 2 * 3600, UTC)
        columns: list[list[object]] = [[] for _ in CSV_COLUMNS]
        for node in nodes:
            for reading in _within(node.readings, first, last):
                flow, pressure = reading.flow, reading.pressure / 100_000
                values = (
                    datetime.fromtimestamp(reading.at, UTC), node.node.node_id, node.zone.district_id, node.zone.name,
                    node.node.name, node.node.type, None if flow is None else flow / 100, pressure,
                    reading.temperature / 10, None if reading.counter is None else reading.counter / 1000, pressure,
                    None, float(score(node, reading)), reading.is_interpolated, name, arrived,
                )  # fmt: skip
                for column, value in zip(columns, values, strict=True):
                    column.append(value)
                done.rows[node.node.node_id] += 1
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), folder / name, compression="zstd")
        done.add(name, "parquet", "", len(columns[0]))


def _bytes(lines: Iterable[str], encoding: str) -> bytes:
    text = "\r\n".join(lines) + "\r\n"
    # Little-endian on every machine, so that a world has the same bytes everywhere.
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le") if encoding == "utf-16" else text.encode(encoding)


def _exports(folder: Path, clock: Clock, nodes: list[NodeReadings], done: Delivered) -> None:
    """Wide files of a fortnight: several nodes side by side, two header rows, European numbers, local stamps."""
    zone = nodes[0].zone.name.lower()
    for number, (first, last) in enumerate(spans(clock, 14)):
        encoding = ENCODINGS[number % 4]
        warm = "GRD. C" if number % 2 else "°C"
        heads: list[tuple[NodeReadings, str, str, str]] = []
        for node in nodes:
            for measure, (rest, unit) in _CHANNELS.items():
                if node.node.has_flow or measure == "pressure":
                    heads.append((node, measure, f"{node.node.prefix} {rest}", unit))
            heads.append((node, "temperature", f"{node.node.prefix} TEMPERATURA", warm))
        second = (nodes[0], "pressure_2", f"{nodes[0].node.prefix} PRESSIONE VALLE", "BAR")
        heads.append(second)
        rows = {node.node.node_id: {one.at: one for one in _within(node.readings, first, last)} for node in nodes}
        instants = sorted({at for found in rows.values() for at in found})
        lines = [
            ";".join(["DATA", "ORA", *(name for _, _, name, _ in heads)]),
            ";".join(["", "", *(unit for _, _, _, unit in heads)]),
        ]
        for at, local in zip(instants, local_clock(instants), strict=True):
            cells = []
            for node, measure, _, _ in heads:
                reading = rows[node.node.node_id].get(at)
                cell = "" if reading is None or _is_blank(clock, node, measure, at) else _cell(reading, measure)
                done.empty_cells += not cell
                done.log_values[node.node.node_id] += bool(cell)
                cells.append(cell)
            lines.append(f"{local:%d/%m/%Y;%H:%M:%S};" + ";".join(cells))
        for identifier, found in rows.items():
            done.rows[identifier] += len(found)
        name = f"{zone}_{first:%Y%m%d}_{last:%Y%m%d}.csv"
        (folder / name).write_bytes(_bytes(lines, encoding))
        done.add(name, "logger export", encoding, len(instants), values=len(instants) * len(heads))


def _is_blank(clock: Clock, node: NodeReadings, measure: str, at: int) -> bool:
    """A thermometer that is not read for three hours: cells without a value."""
    return not node.node.has_flow and measure == "temperature" and clock.at(5, 9) <= at < clock.at(5, 12)


def _cell(reading: Reading, measure: str) -> str:
    if measure == "flow":
        return european(lps(reading.flow or 0))
    if measure == "counter":
        return european(m3(reading.counter or 0))
    if measure == "temperature":
        return european(degrees(reading.temperature))
    # Downstream of the valve.
    return european(bar(reading.pressure - 80_000 if measure == "pressure_2" else reading.pressure))


def _data_logs(folder: Path, clock: Clock, nodes: list[NodeReadings], done: Delivered) -> None:
    """A file per node and fortnight: an index, day and time, five channels, a row of units."""
    for place, node in enumerate(nodes):
        for number, (first, last) in enumerate(spans(clock, 14)):
            encoding = ENCODINGS[(number + place) % 4]
            readings = _within(node.readings, first, last)
            units = "GRD. C" if number == 3 else "°C"
            lines = [";".join(["", "DATE", "TIME", *_LOG_COLUMNS]), f";;;M3;L/S;BAR;BAR;{units}"]
            for index, (reading, local) in enumerate(
                zip(readings, local_clock(one.at for one in readings), strict=True), 1
            ):
                values = (
                    m3(reading.counter or 0),
                    lps(reading.flow or 0),
                    bar(reading.pressure),
                    "0.0",
                    degrees(reading.temperature),
                )
                cells = ";".join(european(value, thousands=False) for value in values)
                lines.append(f"{index};{local:%Y/%m/%d;%H:%M:%S};{cells}")
            name = f"{node.node.node_id}_{node.zone.name.upper()}_{first:%Y_%m_%d}_00_00_00_DATA_LOG.csv"
            (folder / name).write_bytes(_bytes(lines, encoding))
            done.rows[node.node.node_id] += len(readings)
            done.log_values[node.node.node_id] += 5 * len(readings)
            done.add(name, "logger data log", encoding, len(readings), values=5 * len(readings))
