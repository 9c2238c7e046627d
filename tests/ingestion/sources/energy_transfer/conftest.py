"""A publisher's site on loopback whose every posting a test may write, and a landing that asks it without patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.sources.energy_transfer import SOURCE
from simulator.wire import Request, Station, listening
from simulator.wire_faults import Answer
from tests.ingestion.sources.small_landing import SmallLanding

COLUMNS = (
    "Loc", "Loc Zn", "Loc Name", "Loc Purp Desc", "Loc/QTI", "Flow Ind", "DC", "OPC", "TSQ", "OAC", "IT",
    "Auth Overrun Ind", "Nom Cap Exceed Ind", "All Qty Avail", "Qty Reason",
)  # fmt: skip
NAMES = {"0": "Timely", "1": "Evening", "3": "Intraday 1", "4": "Intraday 2", "7": "Intraday 3", "5": "Final"}
NOW = datetime(2021, 4, 6, 15, 30, tzinfo=UTC)
"""10:30 in the morning of gas day 2021-04-06 (Central daylight time): its Timely and Evening are due, the others not;
of the three days before, everything is."""
DUE = [(day, cycle) for day in ("2021-04-03", "2021-04-04", "2021-04-05") for cycle in "013475"]
DUE += [("2021-04-06", "0"), ("2021-04-06", "1")]


def rows(scheduled: int) -> list[tuple[str, ...]]:
    """Three invented rows: a location with receipt and delivery, and one without quantities."""
    left = str(max(0, 9000 - scheduled))
    ours = ("MESA FICTION", " MESA  FICTION (HUB) #1")
    return [
        ("60001", *ours, "M2", "RPQ", "R", "8000", "9000", str(scheduled), left, "N", "N", "N", "Y", ""),
        ("60001", *ours, "MQ", "DPQ", "D", "8000", "1,234", "0", "1,234", "Y", "N", "N", "Y", ""),
        ("7002", "MESA FICTION", "NO & WHERE", "MQ", "DPQ", "D", "", "", "", "", "N", "N", "N", "N",
         "Total Scheduled Quantity unavailable;Operating Capacity unavailable"),
    ]  # fmt: skip


def csv(lines: list[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> bytes:
    """As the publisher writes it: every field quoted, CRLF, no BOM."""
    return "".join(",".join(f'"{value}"' for value in line) + "\r\n" for line in [columns, *lines]).encode()


def number(day: str, cycle: str) -> int:
    """A scheduled quantity that tells which posting it is of."""
    return int(day[-2:]) * 100 + int(cycle)


class CapacityStation(Station):
    """Every posting that is due is there; `posted` says otherwise, by (asset, gas day, cycle)."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: dict[tuple[str, str, str], bytes] = {}
        self.named: dict[tuple[str, str, str], str | None] = {}
        self.headers: dict[str, str] = {}

    def answer(self, request: Request) -> Answer:
        asked = request.params
        month, day, year = asked["gasDay"].split("/")
        key = (asked["asset"], f"{year}-{month}-{day}", asked["cycle"])
        usual = csv(rows(number(key[1], key[2]))) if key[1:] in DUE else csv([])
        name = f"OAC_{key[0]}_000000001_{month}-{day}-{year}_{NAMES[key[2]]}.csv"
        name = self.named.get(key, name)
        headers = {"Content-Type": "text/csv;charset=UTF-8", **self.headers}
        if name is not None:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Answer(200, self.posted.get(key, usual), headers)

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        found = []
        for request in self.log:
            month, day, year = request.params["gasDay"].split("/")
            found.append((request.params["asset"], f"{year}-{month}-{day}", request.params["cycle"]))
        return sorted(found)


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Iterator[CapacityStation]:
    with listening(CapacityStation()) as running:
        running.now = NOW
        settings = {
            "ENERGY_TRANSFER_URL": running.domain,
            "ENERGY_TRANSFER_ASSETS": "TW",
            "ENERGY_TRANSFER_REQUESTS_PER_SECOND": "1000",
            "ENERGY_TRANSFER_WAIT_SECONDS": "0.01",
            "ENERGY_TRANSFER_WAIT_CAP_SECONDS": "0.05",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def landing(station: CapacityStation, tmp_path: Path) -> SmallLanding:
    found = SmallLanding(tmp_path, SOURCE)
    found.logical_at = NOW
    return found
