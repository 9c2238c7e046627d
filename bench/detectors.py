"""How well the water network's detectors find what a sample world hides: precision and recall per kind of fault.

The detectors know nothing of the truth: a world is made, landed and built as any delivery is, and `marts.anomalies` is
then held against the world's own list of planted faults.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
TRIALS = ROOT / "dbt_project" / "seeds" / "detector_trials.csv"
"""What the warehouse knows of these scores; ledger `detector_scores` reads it."""
SEEDS = (20210101, 1, 2, 3, 7)
"""Worlds that are tried: the sample's, and four others."""


@dataclass(frozen=True)
class Event:
    """A planted fault, or an event that was told; half-open, UTC. `place` is the node, or the zone of a leak."""

    kind: str
    place: str
    district_id: str
    measure: str
    starts_at: datetime
    ends_at: datetime

    def touches(self, other: Event) -> bool:
        """Same kind, place and measure, and some time in common."""
        same = (self.kind, self.place, self.measure) == (other.kind, other.place, other.measure)
        return same and self.starts_at < other.ends_at and self.ends_at > other.starts_at


@dataclass(frozen=True)
class Score:
    """One kind: faults planted, how many of them were found, events told, how many of them were right."""

    kind: str
    planted: int
    found: int
    told: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.told if self.told else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0


@dataclass(frozen=True)
class Verdict:
    """Scores of a world. `false_alarms` are events in its clean weeks and its clean zone. `nights` says of each leak,
    by zone, on which night after its beginning it was told, which is the second risen one; None where it was not."""

    scores: tuple[Score, ...]
    false_alarms: tuple[Event, ...]
    nights: dict[str, int | None]


def verdict(folder: Path, seed: int) -> Verdict:
    """Makes, lands and builds a world in `folder`, a new one. RuntimeError with the output when a step fails."""
    world = folder / "world"
    make = ["-m", "simulator", "make", "--out", str(world), "--seed", str(seed), "--bills", "300", "--meters", "1"]
    environment = {
        **os.environ,
        "WAREHOUSE": "duckdb",
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
        "LAKE_URL": str(folder / "lake"),
        "METERHOUSE_DATA": str(folder / "data"),
        "ABBANOA_READINGS": str(world / "abbanoa" / "readings"),
        "ABBANOA_NODES": str(world / "abbanoa" / "nodes"),
    }
    project = str(ROOT / "dbt_project")
    build = [
        "-m", "dbt.cli.main", "run", "--quiet", "--select", "+anomalies", "--project-dir", project,
        "--profiles-dir", project, "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
    ]  # fmt: skip
    for command in (make, ["-m", "ingestion", "land", "abbanoa"], build):
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command[:4])} exited {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return judged(lambda sql: connection.execute(sql).fetchall(), world)


def judged(ask: Callable[[str], list[tuple[Any, ...]]], world: Path) -> Verdict:
    """What a built warehouse says of a world, against that world's truth. `ask` gives the rows of a query on it."""
    planted = _planted(world / "truth_water_anomalies.csv")
    water = json.loads((world / "truth.json").read_text(encoding="utf-8"))["water"]
    told = [
        Event(*row)
        for row in ask(
            "select anomaly_type, coalesce(node_id, district_id), district_id, measurement_type, starts_at, ends_at"
            " from marts.anomalies order by starts_at, anomaly_key"
        )
    ]
    risen = ask(
        "select district_id, starts_at, ends_at from marts.night_flow where minimum_flow_lps is not null order by 1, 2"
    )
    weeks = (datetime.fromisoformat(water["clean_weeks"][end]) for end in ("starts_at", "ends_at"))
    clean_from, clean_until = weeks
    false_alarms = tuple(
        event
        for event in told
        if event.district_id == water["clean_district"] or clean_from <= event.starts_at < clean_until
    )
    nights: dict[str, int | None] = {}
    for leak in planted:
        if leak.kind == "night_flow_rise":
            since = [night for zone, night, ends_at in risen if zone == leak.place and ends_at > leak.starts_at]
            begun = [event.starts_at for event in told if event.touches(leak)]
            nights[leak.place] = since.index(min(begun)) + 2 if begun else None
    return Verdict(tuple(scores(planted, told)), false_alarms, nights)


def scores(planted: Sequence[Event], told: Sequence[Event]) -> list[Score]:
    """Per kind. An event is right when it touches a planted fault, a fault is found when an event touches it."""
    return [
        Score(
            kind,
            planted=sum(fault.kind == kind for fault in planted),
            found=sum(fault.kind == kind and any(event.touches(fault) for event in told) for fault in planted),
            told=sum(event.kind == kind for event in told),
            right=sum(event.kind == kind and any(event.touches(fault) for fault in planted) for event in told),
        )
        for kind in sorted({event.kind for event in (*planted, *told)})
    ]


def write_trials(verdicts: Mapping[int, Verdict], path: Path = TRIALS) -> None:
    """Writes one row per kind and world, by kind and seed of the world, in place of what the file held."""
    rows = sorted(
        (one.kind, seed, one.planted, one.found, one.told, one.right)
        for seed, verdict in verdicts.items()
        for one in verdict.scores
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("anomaly_type", "world_seed", "planted_count", "found_count", "told_count", "right_count"))
        writer.writerows(rows)


def _planted(path: Path) -> list[Event]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Event(
                row["anomaly_type"], row["node_id"] or row["district_id"], row["district_id"], row["measurement_type"],
                datetime.fromisoformat(row["starts_at"]), datetime.fromisoformat(row["ends_at"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip
