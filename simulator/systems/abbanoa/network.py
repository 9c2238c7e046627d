"""The invented network: four zones, twenty nodes, and the node list in three dated deliveries.

A zone is a `district_id`. Its input nodes meter what enters, its output nodes what is delivered; what is between is
lost. The other nodes look on: they are in no balance.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

INPUT_TYPES = ("input", "source", "supply")
OUTPUT_TYPES = ("output", "delivery", "distribution")
COLUMNS = (
    "node_id", "node_name", "node_type", "district_id", "district_name", "location_name", "latitude", "longitude",
    "installation_date", "last_maintenance_date", "is_active", "expected_interval_minutes", "channel_prefix",
    "metadata",
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A measuring point. `mean_lps` is its mean flow; None where it follows from others or there is no flow meter."""

    node_id: str
    name: str
    type: str
    mean_lps: float | None = None
    share: float | None = None
    """Of its zone's inflow."""
    prefix: str = ""
    """What its channels begin with in a wide logger export."""
    minutes_later: int | None = None
    """The interval from day `INTERVAL_CHANGE` on, where that differs from the zone's."""
    counter_m3: int = 0
    """What the totaliser showed when the window began."""
    has_flow: bool = True

    @property
    def is_input(self) -> bool:
        return self.type in INPUT_TYPES

    @property
    def is_output(self) -> bool:
        return self.type in OUTPUT_TYPES


@dataclass(frozen=True)
class Zone:
    """A district. `efficiency` is the share of the inflow that is delivered."""

    district_id: str
    name: str
    minutes: int
    efficiency: float
    dialect: str
    latitude: float
    longitude: float
    nodes: tuple[Node, ...]

    def node(self, node_id: str) -> Node:
        return next(node for node in self.nodes if node.node_id == node_id)


ZONES = (
    Zone(
        "DIST_001", "Selargius", 15, 0.47, "clean csv", 39.2560, 9.1650,
        (
            Node("921101", "Selargius Ingresso Nord", "input", share=0.62, counter_m3=10_874_210),
            Node("921102", "Selargius Ingresso Ovest", "supply", share=0.38, counter_m3=4_120_377),
            Node("node-mirto", "Via Mirto", "distribution", 9.0, counter_m3=2_310_440),
            Node("node-ginepro", "Via Ginepro", "delivery", 7.1, counter_m3=998_812),
            Node("921105", "Selargius Sud", "output", 2.5, counter_m3=301_555),
            Node("node-serbatoio", "Serbatoio di Monte", "storage", 0.0, counter_m3=77_031),
        ),
    ),
    Zone(
        "DIST_002", "Quartucciu", 30, 0.51, "logger export", 39.2510, 9.1800,
        (
            Node("922201", "Quartucciu Ingresso", "input", None, 1.0, "QUARTUCCIU INGRESSO", counter_m3=1_873_004),
            # One prefix begins like the other: the longer one is meant where both fit.
            Node("922202", "Quartucciu Centro", "distribution", 6.4, None, "QUARTUCCIU CENTRO", counter_m3=622_090),
            Node("922203", "Quartucciu Centro Alto", "output", 3.3, None, "QUARTUCCIU CENTRO ALTO", counter_m3=410_731),
            Node("922204", "Quartucciu Controllo", "monitoring", prefix="QUARTUCCIU CONTROLLO", has_flow=False),
        ),
    ),
    Zone(
        "DIST_003", "Teatinos", 15, 0.44, "logger data log", 39.2430, 9.1430,
        (
            Node("923301", "Teatinos Sorgente", "source", share=1.0, counter_m3=900_112),
            Node("923302", "Teatinos Alta", "delivery", 3.8, counter_m3=233_908),
            Node("923303", "Teatinos Bassa", "distribution", 2.3, counter_m3=151_270),
            Node("923304", "Teatinos Zona", "zone_meter", counter_m3=88_640),
        ),
    ),
    Zone(
        "DIST_004", "Monserrato", 5, 0.48, "parquet", 39.2270, 9.1380,
        (
            Node("924401", "Monserrato Ingresso Est", "input", share=0.55, counter_m3=5_020_600),
            Node("924402", "Monserrato Ingresso Ovest", "input", share=0.45, counter_m3=3_944_018),
            Node("924403", "Monserrato Stazione", "distribution", 8.0, counter_m3=1_204_515),
            Node("924404", "Monserrato Policlinico", "output", 5.2, counter_m3=733_940),
            Node("924405", "Monserrato Collegamento", "interconnection", 0.0, counter_m3=12_006),
            Node("924406", "Monserrato Utenza", "meter", 1.6, minutes_later=15, counter_m3=45_800),
        ),
    ),
)  # fmt: skip
NODES = {node.node_id: (zone, node) for zone in ZONES for node in zone.nodes}

INTERVAL_CHANGE = 21
"""Day of the window from whose local midnight on node 924406 reads every 15 minutes."""
LISTS = (0, INTERVAL_CHANGE, 38)
"""Days of the window on which the node list was delivered."""
RENAMED, RETYPED, REMOVED, EXCHANGED = "node-ginepro", "923304", "922204", "node-mirto"
EXCHANGE_DAY = 31


def write_nodes(folder: Path, first: date, until: date) -> list[dict[str, object]]:
    """Writes `nodes_YYYYMMDD.csv` per delivery that falls into the window: each one the whole list; returns what
    each holds. The second renames one node, gives another its type, a third its new interval, and lacks a fourth,
    which the third delivery has again."""
    folder.mkdir(parents=True, exist_ok=True)
    deliveries: list[dict[str, object]] = []
    for number, offset in enumerate(LISTS):
        day = first + timedelta(days=offset)
        if day > until:
            break
        rows = [
            _row(zone, _as_listed(node, number), place, number, first)
            for zone in ZONES
            for place, node in enumerate(zone.nodes)
            if not (number == 1 and node.node_id == REMOVED)
        ]
        name = f"nodes_{day:%Y%m%d}.csv"
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        deliveries.append({"file": name, "delivered_on": str(day), "rows": len(rows)})
    return deliveries


def _as_listed(node: Node, number: int) -> Node:
    if node.node_id == RETYPED and number == 0:
        return replace(node, type="meter")
    if node.node_id == RENAMED and number > 0:
        return replace(node, name="Via Ginepro 12")
    return node


def _row(zone: Zone, node: Node, place: int, number: int, first: date) -> list[str]:
    minutes = node.minutes_later if node.minutes_later and number > 0 else zone.minutes
    maintained = first + timedelta(days=EXCHANGE_DAY) if node.node_id == EXCHANGED and number > 1 else None
    return [
        node.node_id,
        node.name,
        node.type,
        zone.district_id,
        zone.name,
        f"{zone.name}, synthetic place {place + 1}",
        f"{zone.latitude + 0.0021 * (place % 3) - 0.0013 * place:.6f}",
        f"{zone.longitude + 0.0017 * place - 0.0029 * (place % 2):.6f}",
        f"{2009 + place}-0{1 + place}-15",
        str(maintained or f"2020-{10 + place % 3}-0{1 + place}"),
        "true",
        str(minutes),
        node.prefix,
        json.dumps({"synthetic": True, "dialect": zone.dialect}),
    ]
