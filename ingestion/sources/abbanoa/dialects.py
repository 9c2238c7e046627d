"""Which dialect a text file is in, by its first lines, and the query that reads it: every cell as it was sent.

timestamp,node_id,...                      a table: an export of sensor_readings, or a node list
2021-03-28 00:30:00 UTC,211514,...

DATA;ORA;<channel>;<channel>;...           an export of loggers: any number of nodes side by side
;;L/S;BAR;...
28/03/2021;00:30:00;1.234,56;4,1;...

;DATE;TIME;TOT_T;FLOW_R;...                a data log: one node, which the file's name tells
;;;M3;L/S;...
1;2021/03/28;00:30:00;123456,7;3,2;...
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from ingestion.clients.content import BadContent, raw_names, sql_name, sql_text
from ingestion.source import Table
from ingestion.sources.abbanoa.text import Text

Kind = Literal["table", "export", "data log"]
LONGEST_LINE = 1 << 20
LOG_COLUMNS = ("node_id", "day", "time", "channel", "unit", "value")
_HEAD_BYTES = 1 << 20
_DAY, _TIME = ("DATA", "DATE"), ("ORA", "TIME")
_STAMPS = "['%d/%m/%Y %H:%M:%S', '%Y/%m/%d %H:%M:%S', '%d/%m/%Y %H:%M', '%Y/%m/%d %H:%M', '%Y-%m-%d %H:%M:%S']"


@dataclass(frozen=True)
class Dialect:
    """How one file is read. Its cells are c0, c1, ... in every query."""

    kind: Kind
    delimiter: str
    heading_lines: int
    """Lines to pass over, with line breaks inside quotes."""
    names: tuple[str, ...]
    """Raw columns of a table in the file's order; headings of a logger file's cells."""
    channels: tuple[tuple[int, str, str], ...] = ()
    """Cell, channel and unit of a logger file."""
    day: int = 0
    """Cell of a logger file's day; its time is the next."""
    fields: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that `rows` yields, without the lineage."""
        return self.names if self.kind == "table" else LOG_COLUMNS

    @property
    def rows_per_line(self) -> int:
        return len(self.channels) or 1

    def cells(self, path: Path) -> str:
        """The file as a relation of text cells. A blank cell is null, a quoted blank one is an empty text."""
        columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(self.fields))
        # The line break stays undeclared: told '\r\n' and lines to skip, DuckDB 1.5 reads no rows and says nothing.
        return (
            f"read_csv({sql_text(str(path))}, auto_detect = false, header = false, skip = {self.heading_lines}, "
            f"delim = {sql_text(self.delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
            f"allow_quoted_nulls = false, strict_mode = true, null_padding = false, "
            f"max_line_size = {LONGEST_LINE}, columns = {{{columns}}})"
        )

    def rows(self, path: Path, source_file: str, node_id: str | None) -> str:
        """The query of a `Batch` for one file: `columns`, `_source_file`, `_source_row`."""
        lineage = f'{sql_text(source_file)} as "_source_file"'
        if self.kind == "table":
            items = ", ".join(f"c{number} as {sql_name(name)}" for number, name in enumerate(self.names))
            return f'select {items}, {lineage}, row_number() over () as "_source_row" from {self.cells(path)}'
        node = "null::varchar" if node_id is None else sql_text(node_id)
        width = len(self.channels)
        names, units, cells = (
            f"[{', '.join(parts)}]"
            for parts in zip(*((sql_text(n), sql_text(u), f"c{c}") for c, n, u in self.channels), strict=True)
        )
        return (
            f'select {node} as "node_id", day as "day", time as "time", unnest({names}) as "channel", '
            f'unnest({units}) as "unit", unnest(cells) as "value", {lineage}, '
            f'line * {width} + unnest(range(1, {width + 1})) as "_source_row" '
            f"from (select c{self.day} as day, c{self.day + 1} as time, {cells} as cells, "
            f"row_number() over () - 1 as line from {self.cells(path)})"
        )

    def spans(self, path: Path) -> str:
        """SQL of the file's number of lines, first and last instant.

        Stamps of one day and one writing order as their texts do, so that only the first and last of each are read as
        instants: to read them all takes as long as landing the file.
        """
        if self.kind == "table" and "timestamp" not in self.names:
            return f"select count(*), null, null from {self.cells(path)}"
        if self.kind == "table":
            stamp = f"c{self.names.index('timestamp')}"
            day = f"case when {stamp} like '____-__-__%' then substr({stamp}, 1, 10) end"
            groups = (
                f"select count(*) as n, {day} as day, substr({stamp}, 20) as zone, min({stamp}) as a, max({stamp}) as b"
            )
            first, last = "try_cast(a as timestamptz)", "try_cast(b as timestamptz)"
        else:
            day, time = f"c{self.day}", f"c{self.day + 1}"
            groups = f"select count(*) as n, {day} as day, null as zone, min({time}) as a, max({time}) as b"
            first, last = (f"try_strptime(day || ' ' || {end}, {_STAMPS})::timestamptz" for end in "ab")
        return (
            f"select coalesce(sum(n), 0)::bigint, epoch(min({first})), epoch(max({last})) "
            f"from ({groups} from {self.cells(path)} group by day, zone)"
        )

    def instant(self) -> str:
        """SQL of a row's instant, for a session in the sensors' zone; null where the stamp is none."""
        if self.kind == "table":
            if "timestamp" not in self.names:
                return "null::timestamptz"
            return f"try_cast(c{self.names.index('timestamp')} as timestamptz)"
        return f"try_strptime(c{self.day} || ' ' || c{self.day + 1}, {_STAMPS})::timestamptz"


def recognise(text: Text, table: Table, is_logger_possible: bool) -> Dialect:
    """The file's dialect, by its headings alone.

    `table` is what a table's headings are compared with. Raises BadContent `DATA_HEADER`, `DATA_MISSING_COLUMN`,
    `DATA_DUPLICATE_COLUMN`, `DATA_COLUMN_NAME`, `DATA_NUL_BYTE`.
    """
    with text.path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    if b"\0" in start[:4]:
        raise BadContent("DATA_NUL_BYTE", "NUL bytes from its first line on; UTF-16 needs a byte-order mark")
    # A character may be cut at the end of what was read.
    head = start.decode("utf-8-sig", "ignore" if len(start) == _HEAD_BYTES else "strict")
    first = _records(head, ";", 1)
    upper = [cell.strip().upper() for cell in first[0][0]] if first else []
    day = next((number for number, cell in enumerate(upper[:2]) if cell in _DAY), None)
    if is_logger_possible and day is not None and len(upper) > day + 2 and upper[day + 1] in _TIME:
        return _logger(head, day)
    return _table(head, table, is_logger_possible)


def _table(head: str, table: Table, is_logger_possible: bool) -> Dialect:
    (cells, lines), *_ = _records(head, ",", 1) or [([], 0)]
    known = {name for name in cells if name.strip().lower() in table.columns}
    if len(cells) < 2 or not known:
        expected = f"columns of {table.name} between commas" + (
            ", or DATA;ORA;... or ;DATE;TIME;... of a logger" if is_logger_possible else ""
        )
        raise BadContent("DATA_HEADER", f"its first line is no heading that is known here: expected {expected}")
    names = tuple(raw_names(cells).values())
    if missing := [name for name in table.key if name not in names]:
        new = ", ".join(name for name in names if name not in table.columns)[:200] or "none"
        message = f"no column {', '.join(missing)}; new columns: {new}. If it was renamed, the reader must learn that"
        raise BadContent("DATA_MISSING_COLUMN", message, column=missing[0])
    return Dialect("table", ",", lines, names, fields=len(cells))


def _logger(head: str, day: int) -> Dialect:
    records = _records(head, ";", 2)
    names = records[0][0]
    units = records[1][0] if len(records) > 1 else []
    if len(units) != len(names) or any(unit.strip() for unit in units[: day + 2]):
        raise BadContent("DATA_HEADER", "the line below the headings does not say their units; have it exported again")
    fields = len(names)
    given = names if names[-1].strip() or units[-1].strip() else names[:-1]  # the lines end in a delimiter
    channels = tuple((number, names[number], units[number]) for number in range(day + 2, len(given)))
    for number, (_, name, _) in enumerate(channels, day + 3):
        if not name.strip():
            raise BadContent("DATA_COLUMN_NAME", f"heading {number} is empty")
    spellings = [name.strip() for _, name, _ in channels]
    if twice := [name for name in spellings if spellings.count(name) > 1]:
        raise BadContent("DATA_DUPLICATE_COLUMN", f"two headings are {twice[0][:80]!r}", column=twice[0][:80])
    kind: Kind = "data log" if names[day].strip().upper() == "DATE" else "export"
    return Dialect(kind, ";", records[1][1], tuple(names), channels, day, fields)


def _records(head: str, delimiter: str, count: int) -> list[tuple[list[str], int]]:
    """The first records, and how many lines they and those before them take."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[list[str], int]] = []
    try:
        for record in reader:
            found.append((record, reader.line_num))
            if len(found) == count:
                break
    except csv.Error:
        raise BadContent("DATA_CSV_SYNTAX", f"its heading is no CSV, near line {reader.line_num}") from None
    return found


@dataclass(frozen=True)
class Measured:
    """What one pass over a file found. Instants are seconds since 1970, None where no stamp could be read."""

    lines: int
    first: float | None = None
    last: float | None = None


def measure(engine: duckdb.DuckDBPyConnection, dialect: Dialect, path: Path) -> Measured:
    """Reads the whole file once, as landing will: rows, first and last instant. Raises BadContent with the line."""
    try:
        found = engine.execute(dialect.spans(path)).fetchone()
    except duckdb.Error as error:
        raise _bad_csv(error, dialect) from None
    assert found is not None
    if dialect.channels and len(dialect.channels) + dialect.day + 2 < dialect.fields:
        _none_beyond(engine, dialect, path)
    return Measured(*found)


def late_lines(engine: duckdb.DuckDBPyConnection, dialect: Dialect, path: Path, before: float) -> int:
    """Lines whose instant lies before a moment."""
    sql = f"select count(*) from {dialect.cells(path)} where epoch({dialect.instant()}) < {before!r}"
    return int(_one(engine, sql)[0])


def find_nul(engine: duckdb.DuckDBPyConnection, dialect: Dialect, path: Path) -> BadContent:
    """The row and column of a file's first NUL."""
    cells = ", ".join(f"c{number}" for number in range(dialect.fields))
    sql = (
        f"select line, list_position(list_transform([{cells}], lambda cell: contains(cell, chr(0))), true) "
        f"from (select *, row_number() over () as line from {dialect.cells(path)}) "
        f"where contains(concat_ws('', {cells}), chr(0)) order by line limit 1"
    )
    advice = "no text column can hold it; UTF-16 needs a byte-order mark"
    try:
        found = engine.execute(sql).fetchone()
    except duckdb.Error:
        found = None
    if found is None:
        return BadContent("DATA_NUL_BYTE", f"a NUL byte; {advice}")
    row, column = int(found[0]), dialect.names[int(found[1]) - 1]
    return BadContent("DATA_NUL_BYTE", f"a NUL byte in row {row}, column {column}; {advice}", row, column)


def _none_beyond(engine: duckdb.DuckDBPyConnection, dialect: Dialect, path: Path) -> None:
    """A last delimiter opens a cell that has no heading: it must be blank."""
    row = _one(
        engine,
        f"select min(line) from (select c{dialect.fields - 1} as cell, row_number() over () as line "
        f"from {dialect.cells(path)}) where cell is not null",
    )[0]
    if row is not None:
        raise BadContent("DATA_RAGGED_ROW", f"row {row} has a value beyond the last heading", int(row))


_SAID: tuple[tuple[str, Callable[[re.Match[str], int], tuple[str, str]]], ...] = (
    (
        r"Maximum line size",
        lambda _, line: ("DATA_FIELD_TOO_LARGE", f"line {line} is longer than {LONGEST_LINE} bytes"),
    ),
    (
        r"Expected Number of Columns: (\d+) Found: (\d+)",
        lambda said, line: ("DATA_RAGGED_ROW", f"line {line} has {said[2]} values, the heading {said[1]}"),
    ),
    (
        r"unterminated quote",
        lambda _, line: ("DATA_CSV_SYNTAX", f"a quote in line {line} is never closed well"),
    ),
    (r"invalid state", lambda _, line: ("DATA_CSV_SYNTAX", "its lines end in several ways, or a quote stands astray")),
    (r"unicode", lambda _, line: ("DATA_ENCODING", f"line {line} is no UTF-8")),
)


def _bad_csv(error: Exception, dialect: Dialect) -> BadContent:
    """What DuckDB says of a CSV that it cannot read, without the line it shows."""
    said = str(error)
    place = re.search(r"CSV Error on Line: (\d+)", said)
    line = int(place[1]) if place else 0
    row = line - dialect.heading_lines if line > dialect.heading_lines else None
    for pattern, tell in _SAID:
        if found := re.search(pattern, said):
            code, message = tell(found, line)
            return BadContent(code, f"{message}; have it delivered again", row)
    return BadContent(
        "DATA_CSV_SYNTAX", f"no CSV{f' from line {line} on' if line else ''}; have it delivered again", row
    )


def _one(engine: duckdb.DuckDBPyConnection, sql: str) -> Sequence[Any]:
    row = engine.execute(sql).fetchone()
    assert row is not None
    return row
