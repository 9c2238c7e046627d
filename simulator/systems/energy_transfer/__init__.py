"""Operationally available capacity of two invented pipelines, posted cycle by cycle, behind a loopback page.

The folder holds `index.json` (every posting with its instant) and the bodies in `postings/<asset>/<gas day>/
<cycle id>_<version>.csv`, of 26 gas days up to the world's `now` and of the two days after it, so that a server that is
told to `advance` has something to post. TW has about 60 locations and the usual order of columns, FEP about 25 and
another order. Nothing is posted before the timetable says so (`timetable.CYCLES`; the window holds the clock change of
2021-03-14, so the gas day before it has 23 hours); most postings come within ten minutes after they are due.

Planted: locations with receipt and delivery, leading and double spaces in names, blanks with a Qty Reason, OPC over DC,
TSQ over OPC, a Final of FEP that is due before `now` and posted after it, re-posts with other quantities (two before
`now`, so that a server at `now` knows the second version only; three within a day after it inside the three gas days
that one looks back; one beyond them), and locations that change: a name, a zone, a DC, an OPC for good and one for
three gas days, a location that is new, one that goes, one that goes and comes back (`network.CHANGES`). DC, OPC, name
and zone change between gas days only; TSQ moves from cycle to cycle.

Truth. `cycle` is the id, quantities are whole dekatherms, an empty field is an unavailable quantity; "visible" is the
latest version posted at `now` of each asset, gas day and cycle.

- `truth_capacity_postings.csv`: one row per posting, every version and those after `now` too: `posted_at` and
  `replaced_at` (UTC; empty: never), rows, sums of TSQ and OAC over rows that have them.
- `truth_capacity_rows.csv`: one row per posting, loc and flow_ind, texts as posted; a row of `fct_operational_capacity`
  is one of the visible version (`posted_at <= now` and `replaced_at` empty or later).
- `truth_capacity_best_available.csv`: per asset and gas day the visible cycle that is last in the order 0 1 3 4 7 5.
- `truth_capacity_revisions.csv`: per asset and gas day, each visible cycle after the first against the visible one
  before it in that order: rows whose TSQ changed, sums of rises and falls (both positive), and their difference.
- `truth_capacity_locations.csv`: one row per asset, loc, flow_ind and version of (name, zone, DC, OPC) as in the best
  available cycle of each gas day; valid in [`valid_from_gas_day`, `valid_to_gas_day`), the end being the first gas day
  on which the location was posted otherwise or not at all, empty while it holds.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from simulator.system import System
from simulator.systems.energy_transfer.capacity_world import write
from simulator.systems.energy_transfer.faults import write_faults
from simulator.systems.energy_transfer.network import ASSETS
from simulator.systems.energy_transfer.server import CapacityStation
from simulator.wire import listening


def settings(folder: Path, address: str | None) -> dict[str, str]:
    """A loopback server needs no politeness: the pace is set as high as it goes, not as the product's default is."""
    index = folder / "index.json"
    return {
        "ENERGY_TRANSFER_URL": address or "",
        "ENERGY_TRANSFER_ASSETS": ",".join(asset.code for asset in ASSETS),
        "ENERGY_TRANSFER_HISTORY_FROM": json.loads(index.read_text())["history_from"] if index.exists() else "",
        "ENERGY_TRANSFER_REQUESTS_PER_SECOND": "200",
    }


def serve(
    folder: Path, now: datetime, *, generation: int = 1, port: int = 0
) -> AbstractContextManager[CapacityStation]:
    """The page as it stands at `now`; there are no editions, time passes with `advance`."""
    return listening(CapacityStation(folder, now), port=port)


SYSTEM = System(
    write=write,
    settings=settings,
    about="postings of gas capacity that a loopback page answers with",
    summary=lambda truth: f"{truth['postings']['rows']:,} capacity rows",
    serve=serve,
    write_faults=write_faults,
)
