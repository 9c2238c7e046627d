"""As much of SoQL as a reader of a whole data set uses: $select, $where, $order, $limit and $offset, over a snapshot.

What it does not understand it refuses, with the error bodies the documentation shows; it never answers something else.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simulator.systems.winnipeg_billing.bills import COLUMNS
from simulator.systems.winnipeg_billing.rows import SYSTEM_WIDTH, Rows

DEFAULT_LIMIT = 1000
SYSTEM_FIELDS = (":id", ":created_at", ":updated_at")
FIELDS = {**dict.fromkeys(SYSTEM_FIELDS, "text"), **dict(COLUMNS)}
_KNOWN = {"$select", "$where", "$order", "$limit", "$offset", "$$exclude_system_fields", "$$app_token"}
_TERM = re.compile(
    r"\s*(:?\w+)\s*(>=|<=|!=|=|>|<)\s*(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?))\s*(?:and\b|$)", re.IGNORECASE
)
_AGGREGATE = re.compile(r"(count|max|min)\(\s*(\*|:?\w+)\s*\)(?:\s+as\s+(\w+))?$", re.IGNORECASE)
_OPERATORS: dict[str, Callable[[object, object], bool]] = {
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


class Refused(Exception):
    """A query that gets an error answer."""

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        super().__init__(str(body.get("message")))
        self.status, self.body = status, dict(body)


def no_such_column(name: str) -> Refused:
    """The current form of Socrata's error body."""
    message = f"Query coordinator error: query.soql.no-such-column; No such column: {name}; position: Map(row -> 1)"
    return Refused(
        400,
        {
            "message": message,
            "errorCode": "query.soql.no-such-column",
            "data": {"column": name, "position": {"row": 1, "column": 1, "line": name}},
        },
    )


def malformed(what: str, query: str) -> Refused:
    """The older documented form."""
    return Refused(
        400,
        {"code": "query.compiler.malformed", "error": True, "message": f"Malformed {what}", "data": {"query": query}},
    )


@dataclass(frozen=True)
class Page:
    """The rows of one answer, ready to be framed."""

    rows: list[bytes]
    fields: tuple[str, ...]


def _moment(text: str) -> str:
    """A time stamp as the fixed-width text of the system fields, so that comparing texts compares instants."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z?", text)
    if not found:
        raise malformed("time stamp", text)
    return f"{found[1]}.{(found[2] or '0')[:3]:0<3}Z"


def _values(rows: Rows, field: str) -> Sequence[object]:
    if field == ":id":
        return rows.ids()
    if field == ":updated_at":
        return rows.updated()
    if field == ":created_at":
        return rows.created()
    if field == "hydro_gas_id":
        return rows.hydro_gas_ids()
    is_number = FIELDS[field] == "number"
    values: list[object] = []
    for position in range(len(rows)):
        value = json.loads(rows.row(position)).get(field)
        if is_number:
            values.append(-math.inf if value in (None, "") else float(value))
        else:
            values.append(value or "")
    return values


def _literal(field: str, text: str | None, number: str | None) -> object:
    raw = text.replace("''", "'") if text is not None else number or ""
    if field == ":id":
        return raw.encode()
    if field in (":updated_at", ":created_at"):
        return _moment(raw).encode()
    if FIELDS[field] == "number":
        try:
            return int(raw) if field == "hydro_gas_id" else float(raw)
        except ValueError:
            raise malformed("number", raw) from None
    return raw


def matching(rows: Rows, where: str) -> Sequence[int]:
    """Positions of the rows that satisfy every comparison; comparisons may be joined by `and` only."""
    if not where.strip():
        return range(len(rows))
    positions: Sequence[int] = range(len(rows))
    at = 0
    while at < len(where.rstrip()):
        term = _TERM.match(where, at)
        if not term:
            raise malformed("where clause", where)
        field = term[1].lower()
        if field not in FIELDS:
            raise no_such_column(field)
        values, compare, literal = _values(rows, field), _OPERATORS[term[2]], _literal(field, term[3], term[4])
        positions = [position for position in positions if compare(values[position], literal)]
        at = term.end()
    return positions


def ordered(rows: Rows, positions: Sequence[int], order: str) -> Sequence[int]:
    """Those positions in the asked order; ties keep the order of `:id`."""
    for item in reversed([part.strip() for part in order.split(",")]):
        found = re.fullmatch(r"(:?\w+)(?:\s+(asc|desc))?", item, re.IGNORECASE)
        if not found:
            raise malformed("order clause", order)
        field, is_descending = found[1].lower(), (found[2] or "").lower() == "desc"
        if field not in FIELDS:
            raise no_such_column(field)
        if field == ":id" and isinstance(positions, range):
            positions = positions[::-1] if is_descending else positions
            continue
        values = _values(rows, field)
        positions = sorted(positions, key=lambda position: values[position], reverse=is_descending)  # type: ignore[arg-type,return-value]
    return positions


def unordered(positions: Sequence[int], request_number: int) -> Sequence[int]:
    """What a query without $order gets: about a tenth of the rows stand elsewhere each time it is asked."""
    shuffled = list(positions)
    movers = list(range(request_number % 10, len(shuffled), 10))
    step = 7919 + 2 * request_number
    while math.gcd(step, max(1, len(movers))) != 1:
        step += 1
    for number, mover in enumerate(movers):
        shuffled[mover] = positions[movers[(number * step + request_number) % len(movers)]]
    return shuffled


def _whole_number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not text.isdigit():
        raise malformed(name, text)
    return int(text)


class Reader:
    """Answers queries on one snapshot and remembers the last orderings, so that paging does not sort again."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._known: dict[tuple[str, str], Sequence[int]] = {}
        self._lock = threading.Lock()

    def _positions(self, where: str, order: str) -> Sequence[int]:
        key = (where, order)
        with self._lock:
            if key not in self._known:
                found = matching(self.rows, where)
                self._known[key] = ordered(self.rows, found, order) if order else found
                while len(self._known) > 8:
                    self._known.pop(next(iter(self._known)))
            return self._known[key]

    def page(self, params: Mapping[str, str], request_number: int, limit_cap: int) -> Page:
        """The answer to a query; Refused with the error body when it cannot be answered."""
        unknown = next((name for name in params if name.startswith("$") and name not in _KNOWN), None)
        if unknown:
            raise Refused(
                400, {"code": "invalid_request", "error": True, "message": f"Unrecognized arguments [{unknown}]"}
            )
        plain = " and ".join(f"{name} = '{value}'" for name, value in params.items() if not name.startswith("$"))
        where = " and ".join(part for part in (params.get("$where", "").strip(), plain) if part)
        order = params.get("$order", "").strip()
        limit = min(_whole_number(params, "$limit", DEFAULT_LIMIT), limit_cap)
        offset = _whole_number(params, "$offset", 0)
        select = params.get("$select", "*").strip()
        if params.get("$$exclude_system_fields") == "false" and select == "*":
            select = ":*,*"
        items = [item.strip() for item in select.split(",")]
        positions = self._positions(where, order)
        if any("(" in item for item in items):
            return self._aggregate(items, positions)
        if not order:
            positions = unordered(positions, request_number)
        return self._project(items, positions[offset : offset + limit])

    def _aggregate(self, items: list[str], positions: Sequence[int]) -> Page:
        result: dict[str, str] = {}
        for item in items:
            found = _AGGREGATE.match(item)
            if not found:
                raise malformed("select clause", ",".join(items))
            function, field = found[1].lower(), found[2].lower()
            if field == "*":
                result[found[3] or "count"] = str(len(positions))
                continue
            if field not in FIELDS:
                raise no_such_column(field)
            values = _values(self.rows, field)
            if function == "count":
                result[found[3] or f"count_{field.strip(':')}"] = str(len(positions))
            elif positions:
                best = (max if function == "max" else min)(values[position] for position in positions)  # type: ignore[type-var]
                text = best.decode() if isinstance(best, bytes) else str(best)
                result[found[3] or f"{function}_{field.strip(':')}"] = text
        return Page([json.dumps(result, separators=(",", ":")).encode()], tuple(result))

    def _project(self, items: list[str], positions: Sequence[int]) -> Page:
        columns = tuple(name for name, _ in COLUMNS)
        if items == [":*", "*"]:
            return Page(self.rows.rows(positions), (*SYSTEM_FIELDS, *columns))
        if items == ["*"]:
            return Page([b"{" + row[SYSTEM_WIDTH:] for row in self.rows.rows(positions)], columns)
        if items == [":id"]:
            ids = self.rows.ids()
            return Page([b'{":id":"' + ids[position] + b'"}' for position in positions], (":id",))
        wanted: list[str] = []
        for item in items:
            wanted += SYSTEM_FIELDS if item == ":*" else columns if item == "*" else [item.lower()]
        for name in wanted:
            if name not in FIELDS:
                raise no_such_column(name)
        cut = []
        for row in self.rows.rows(positions):
            values = json.loads(row)
            chosen = {name: values[name] for name in wanted if name in values}
            cut.append(json.dumps(chosen, ensure_ascii=False, separators=(",", ":")).encode())
        return Page(cut, tuple(wanted))
