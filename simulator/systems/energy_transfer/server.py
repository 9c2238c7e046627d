"""A loopback operationally-available-capacity page: CSV per asset, gas day and cycle, as posted at an instant.

    with serve(world / "energy_transfer", now) as server:
        asked = {"f": "csv", "asset": "TW", "gasDay": "04/05/2021", "cycle": 1, "searchType": "ALL"}
        requests.get(f"{server.domain}{PATH}", params=asked)
        server.fault(wrong_file_name(cycle="Timely"), match="cycle=1")
        server.advance(hours=24)

What is not posted yet, and what the world does not know (an asset, a cycle, a gas day), is a header and no row. Without
`f=csv` the page itself comes, in HTML. The Date of an answer is the instant the server stands at.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from simulator.systems.energy_transfer.network import ASSETS
from simulator.systems.energy_transfer.postings import Posting, csv_bytes, file_name, read_index
from simulator.systems.energy_transfer.timetable import CYCLES
from simulator.wire import Request, Station
from simulator.wire_faults import Act, Answer, Exchange

PATH = "/ipost/capacity/operationally-available"
_DISPOSITION = "Content-Disposition"
_PAGE = b"<!DOCTYPE html><html><body><h1>Operationally Available Capacity</h1><p>Synthetic.</p></body></html>"


class CapacityStation(Station):
    """The page at an instant (`now`)."""

    def __init__(self, folder: Path, now: datetime) -> None:
        super().__init__()
        self.now: datetime = now
        self.history_from, self.postings = read_index(folder)
        self._folder = folder

    def advance(self, hours: float = 24) -> None:
        """Time passes: cycles are posted, others re-posted."""
        self.now += timedelta(hours=hours)

    def orders(self) -> dict[str, Callable[..., object]]:
        return {**super().orders(), "advance": self.advance}

    def posted(self, asset: str, gas_day: date, cycle: int) -> Posting | None:
        """The latest posting of a cycle at this instant."""
        key = (asset, gas_day, cycle)
        found = [p for p in self.postings if (p.asset, p.gas_day, p.cycle) == key and p.posted_at <= self.now]
        return found[-1] if found else None

    def answer(self, request: Request) -> Answer:
        asked = request.params
        if request.path not in (PATH, f"/ipost/{asked.get('asset', '')}/capacity/operationally-available"):
            return Answer(404, b"<html><body>Not found</body></html>", self._headers("text/html"))
        if asked.get("f") != "csv":
            return Answer(200, _PAGE, self._headers("text/html"))
        asset = next((asset for asset in ASSETS if asset.code == asked.get("asset")), None)
        cycle = next((cycle for cycle in CYCLES if str(cycle.id) == asked.get("cycle")), None)
        gas_day = _gas_day(asked.get("gasDay", ""))
        headers = self._headers("text/csv")
        if asset is None or cycle is None or gas_day is None:
            return Answer(200, csv_bytes((asset or ASSETS[0]).columns, []), headers)
        posting = self.posted(asset.code, gas_day, cycle.id)
        name = posting.file_name if posting else file_name(asset, gas_day, cycle.name)
        headers[_DISPOSITION] = f'attachment; filename="{name}"'
        if posting is None:
            return Answer(200, csv_bytes(asset.columns, []), headers)
        body = (self._folder / posting.path).read_bytes()
        return Answer(200, _nominated(body) if asked.get("searchType") == "NOM" else body, headers)

    def _headers(self, kind: str) -> dict[str, str]:
        return {"Content-Type": f"{kind};charset=UTF-8", **self.extra_headers}


def _gas_day(text: str) -> date | None:
    """MM/DD/YYYY."""
    try:
        month, day, year = (int(part) for part in text.split("/"))
        return date(year, month, day)
    except ValueError:
        return None


def _rows(body: bytes) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(body.decode(), newline=""))
    rows = list(reader)
    return list(reader.fieldnames or []), rows


def _nominated(body: bytes) -> bytes:
    columns, rows = _rows(body)
    return csv_bytes(columns, [row for row in rows if row["TSQ"] not in ("", "0")])


def wrong_file_name(
    *, asset: str | None = None, gas_day: str | None = None, cycle: str | None = None, name: str | None = None
) -> Act:
    """The right body under another request's name: another asset, gas day (MM-DD-YYYY), cycle name, or any name."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        said = answer.headers[_DISPOSITION].split('"')[1].removesuffix(".csv").split("_", 4)
        for position, part in ((1, asset), (3, gas_day), (4, cycle)):
            said[position] = part or said[position]
        told = name or "_".join(said) + ".csv"
        exchange.send(replace(answer, headers={**answer.headers, _DISPOSITION: f'attachment; filename="{told}"'}))

    return act


def without_file_name() -> Act:
    """The right body and no Content-Disposition."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        headers = {name: value for name, value in answer.headers.items() if name != _DISPOSITION}
        exchange.send(replace(answer, headers=headers))

    return act


def truncated(keep: float = 0.5) -> Act:
    """A part of the body, ending inside a row, with a Content-Length that matches it: no client library complains."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        cut = int(len(answer.body) * keep)
        while answer.body[cut - 1 : cut] in (b"\r", b"\n", b'"', b","):
            cut -= 1
        exchange.send(replace(answer, body=answer.body[:cut]))

    return act


def header_only() -> Act:
    """As if the cycle were not posted yet."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.send(replace(answer, body=answer.body[: answer.body.index(b"\r\n") + 2]))

    return act


def changed_columns(renamed: Mapping[str, str] | None = None, added: Mapping[str, str] | None = None) -> Act:
    """Columns under other names (an empty name: gone), and new ones with one value for every row."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        columns, rows = _rows(answer.body)
        names = {column: (renamed or {}).get(column, column) for column in columns}
        drifted = [{**{names[column]: row[column] for column in columns}, **(added or {})} for row in rows]
        header = [name for name in names.values() if name] + list(added or {})
        exchange.send(replace(answer, body=csv_bytes(header, drifted)))

    return act
