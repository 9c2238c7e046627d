"""Reads a water world's files with code that shares nothing with what wrote them."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from simulator.world import Size, make_world

ROME = ZoneInfo("Europe/Rome")
AUTUMN = Size(starts_on=date(2020, 10, 22), until=date(2020, 10, 27))
Values = tuple[Decimal | None, ...]
"""Flow in L/s, counter in m3, pressure in bar, temperature in degrees."""


@dataclass
class World:
    """A world as its files and its tables say."""

    root: Path
    truth: dict[str, Any]
    rows: dict[str, list[tuple[datetime, Values]]]
    """Per node every delivered row, in the order of the files' names and of their rows."""
    kept: dict[str, dict[datetime, Values]]

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.root / f"truth_water_{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def nodes(self, name: str) -> dict[str, dict[str, str]]:
        with (self.root / "abbanoa" / "nodes" / name).open(newline="") as file:
            return {row["node_id"]: row for row in csv.DictReader(file)}


def number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def comma_number(text: str) -> Decimal | None:
    return number(text.replace(".", "").replace(",", "."))


def utc(text: str) -> datetime:
    """Of a clean export's stamp: with a zone, or local time of Rome."""
    text = text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else "")
    stamp = datetime.fromisoformat(f"{text}:00" if text.endswith("+00") else text)
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=ROME).astimezone(UTC)


def utc_of_local(stamps: list[datetime]) -> list[datetime]:
    """Of a logger's column: a wall clock time that comes for the second time is winter time."""
    seen: Counter[datetime] = Counter()
    found = []
    for stamp in stamps:
        found.append(stamp.replace(tzinfo=ROME, fold=seen[stamp]).astimezone(UTC))
        seen[stamp] += 1
    return found


def text_of(content: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def delivered(path: Path, prefixes: dict[str, str]) -> Iterator[tuple[str, datetime, Values]]:
    """Node, instant and values of every row of a file of any dialect."""
    if path.suffix == ".parquet":
        for row in pq.read_table(path).to_pylist():
            values = (row["flow_rate"], row["volume"], row["pressure"], row["temperature"])
            yield row["node_id"], row["timestamp"], tuple(None if v is None else Decimal(repr(v)) for v in values)
        return
    content = path.read_bytes()
    text = text_of(gzip.decompress(content) if path.suffix == ".gz" else content)
    if not text.startswith(("DATA;", ";DATE")):
        for row in csv.DictReader(io.StringIO(text)):
            volume = row["volume"] if "volume" in row else row["total_flow"]
            values = (row["flow_rate"], volume, row["pressure"], row["temperature"])
            yield row["node_id"], utc(row["timestamp"]), tuple(map(number, values))
        return
    names, units, *rows = (line.split(";") for line in text.split("\r\n")[:-1])
    if names[:2] == ["DATA", "ORA"]:
        instants = utc_of_local([datetime.strptime(f"{row[0]} {row[1]}", "%d/%m/%Y %H:%M:%S") for row in rows])  # noqa: DTZ007
        for prefix, node_id in prefixes.items():
            mine = {name.removeprefix(prefix).strip(): at for at, name in enumerate(names) if name.startswith(prefix)}
            wanted = [mine.get(rest) for rest in ("PORTATA", "TOTALIZZATORE", "PRESSIONE", "TEMPERATURA")]
            for row, instant in zip(rows, instants, strict=True):
                yield node_id, instant, tuple(comma_number(row[at]) if at else None for at in wanted)
        return
    assert units[:7] == ["", "", "", "M3", "L/S", "BAR", "BAR"]
    assert [row[0] for row in rows] == [str(at) for at in range(1, len(rows) + 1)]
    instants = utc_of_local([datetime.strptime(f"{row[1]} {row[2]}", "%Y/%m/%d %H:%M:%S") for row in rows])  # noqa: DTZ007
    for row, instant in zip(rows, instants, strict=True):
        yield path.name.split("_")[0], instant, tuple(comma_number(row[at]) for at in (4, 3, 5, 7))


def read_world(root: Path, size: Size) -> World:
    truth = make_world(root, size, only=["abbanoa"])["water"]
    world = World(root, truth, defaultdict(list), defaultdict(dict))
    lists = sorted((root / "abbanoa" / "nodes").iterdir())
    prefixes = {row["channel_prefix"]: key for key, row in world.nodes(lists[0].name).items() if row["channel_prefix"]}
    for path in sorted((root / "abbanoa" / "readings").iterdir()):
        for node_id, instant, values in delivered(path, prefixes):
            world.rows[node_id].append((instant, values))
            world.kept[node_id][instant] = values
    return world


@cache
def spring_world(base: Path) -> World:
    """The network of the default world, made once below `base`."""
    return read_world(base / "water_spring", Size())


def stretch(row: dict[str, str]) -> tuple[datetime, datetime]:
    return utc(f"{row['starts_at']} UTC"), utc(f"{row['ends_at']} UTC")


def during(world: World, row: dict[str, str]) -> dict[datetime, Values]:
    starts_at, ends_at = stretch(row)
    return {at: values for at, values in world.kept[row["node_id"]].items() if starts_at <= at < ends_at}
