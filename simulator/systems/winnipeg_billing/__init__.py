"""The bills of an invented city behind a loopback Socrata, in two editions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.system import Size, System
from simulator.systems.winnipeg_billing.billing_world import DATASET_ID, write_bills
from simulator.systems.winnipeg_billing.faults import write_faults
from simulator.systems.winnipeg_billing.portal import Portal
from simulator.systems.winnipeg_billing.portal import serve as serve_edition


def write(folder: Path, size: Size) -> dict[str, Any]:
    return write_bills(folder, size.seed, size.bills)


def settings(folder: Path, address: str | None) -> dict[str, str]:
    return {"SOCRATA_DOMAIN": address or "", "SOCRATA_DATASET_ID": DATASET_ID}


def serve(folder: Path, now: datetime, *, generation: int = 1, port: int = 0) -> AbstractContextManager[Portal]:
    """The edition asked for, whatever the time: a publisher's new edition is an event of its own."""
    return serve_edition(folder, port=port, generation=generation)


SYSTEM = System(
    write=write,
    settings=settings,
    about="what a loopback Socrata (`python -m simulator serve`) answers from",
    truth_key="bills",
    summary=lambda truth: f"{truth['generations']['1']['rows']:,} bills",
    serve=serve,
    write_faults=write_faults,
)
