"""What sources.md asks of a sample of meter reads and agreements, and their truth, from the files with other code."""

from __future__ import annotations

import csv
import itertools
import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

HALF_HOUR = timedelta(minutes=30)
Agreement = tuple[int, str, str | None, str, str, str]


@dataclass(frozen=True)
class Delivery:
    reads: dict[str, list[tuple[str, Decimal]]]
    """Per meter point, in the order of its file."""
    local: dict[str, str]
    """Local date of every stamp."""
    agreements: list[Agreement]
    names: dict[str, str]
    meterpoints: dict[str, str]


@pytest.fixture(scope="module")
def delivery(default_world: Path) -> Delivery:
    reads = {}
    for path in (default_world / "smart_meters" / "readings").iterdir():
        content = json.loads(path.read_bytes(), parse_float=Decimal)
        assert list(content) == ["columns", "data"]
        assert content["columns"] == ["interval_start", "consumption_delta", "meterpoint_id"]
        assert {row[2] for row in content["data"]} == {path.stem}
        reads[path.stem] = [(row[0], row[1]) for row in content["data"]]
    zone = ZoneInfo("Europe/London")
    stamps = {stamp for rows in reads.values() for stamp, _ in rows}
    local = {
        stamp: str(datetime.fromisoformat(stamp).replace(tzinfo=UTC).astimezone(zone).date())
        for stamp in sorted(stamps)
    }
    connection = sqlite3.connect(default_world / "smart_meters" / "case_study.db")
    agreements = connection.execute("select * from agreement").fetchall()
    names = dict(connection.execute("select product_id, display_name from product").fetchall())
    meterpoints = {row[1]: row[0] for row in connection.execute("select * from meterpoint")}
    connection.close()
    return Delivery(reads, local, agreements, names, meterpoints)


def table(world: Path, name: str) -> list[dict[str, str]]:
    with (world / f"truth_{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def in_force(delivery: Delivery, meterpoint_id: str, day: str) -> Agreement | None:
    valid = [
        row
        for row in delivery.agreements
        if row[4] == meterpoint_id and row[1] <= day and (row[2] is None or day < row[2])
    ]
    return max(valid, key=lambda row: (row[1], row[0]), default=None)


def test_files_are_one_compact_line_with_up_to_three_decimals(default_world: Path) -> None:
    path = next((default_world / "smart_meters" / "readings").iterdir())
    text = path.read_text()
    assert text.startswith('{"columns":["interval_start","consumption_delta","meterpoint_id"],"data":[["20')
    assert "\n" not in text
    assert all(
        len(part.split(",")[1].partition(".")[2]) in (1, 2, 3) for part in text.split('[["')[1].split('],["')[:500]
    )


def test_reads_are_neither_doubled_nor_negative(delivery: Delivery) -> None:
    for rows in delivery.reads.values():
        assert len({stamp for stamp, _ in rows}) == len(rows)
        assert min(value for _, value in rows) >= 0
        assert max(value for _, value in rows) <= Decimal("5.217")


def test_the_first_half_hour_of_day_one_is_missing_everywhere(delivery: Delivery, truth: dict[str, Any]) -> None:
    assert truth["meters"]["window"]["starts_at"] == "2020-10-14 23:00:00"
    assert "2020-10-14 23:00:00" not in delivery.local
    assert all(min(rows)[0] == "2020-10-14 23:30:00" for rows in delivery.reads.values())


def test_day_blocks_are_shuffled_in_two_files_of_three(delivery: Delivery) -> None:
    shuffled = [rows for rows in delivery.reads.values() if rows != sorted(rows)]
    assert len(shuffled) == 40
    for rows in shuffled:
        days = [delivery.local[stamp] for stamp, _ in rows]
        blocks = sum(1 for before, day in itertools.pairwise(days) if before != day) + 1
        assert blocks == len(set(days)), "blocks stay whole"


def test_one_meter_is_nearly_dead(delivery: Delivery, truth: dict[str, Any]) -> None:
    (identifier,) = truth["meters"]["near_dead_meterpoints"]
    values = [value for _, value in delivery.reads[identifier]]
    assert 0 < sum(values) < 10
    assert values.count(Decimal("0.0")) > 0.9 * len(values)
    zeros = sum(value == 0 for rows in delivery.reads.values() for _, value in rows)
    assert zeros == truth["meters"]["zero_rows"]


def test_the_clock_changes_make_a_day_of_50_and_one_of_46(delivery: Delivery, truth: dict[str, Any]) -> None:
    counts = Counter(day for day in delivery.local.values())
    assert {day: count for day, count in counts.items() if count != 48} == {
        "2020-10-15": 47,
        "2020-10-25": 50,
        "2021-03-28": 46,
    }
    assert truth["meters"]["window"]["days_of_other_than_48"] == {"2020-10-25": 50, "2021-03-28": 46}
    assert (len(counts), min(counts), max(counts)) == (173, "2020-10-15", "2021-04-05")


def test_gaps_are_those_of_the_truth(default_world: Path, delivery: Delivery, truth: dict[str, Any]) -> None:
    start, horizon = datetime.fromisoformat("2020-10-14 23:00:00"), datetime.fromisoformat("2021-04-05 23:00:00")
    found = set()
    for identifier, rows in delivery.reads.items():
        present = {datetime.fromisoformat(stamp) for stamp, _ in rows}
        moment, since = start, None
        while moment <= horizon:
            missing = moment < horizon and moment not in present
            if missing and since is None:
                since = moment
            if not missing and since is not None:
                found.add((identifier, str(since), str(moment), str((moment - since) // HALF_HOUR)))
                since = None
            moment += HALF_HOUR
    said = table(default_world, "gaps")
    assert found == {(row["meterpoint_id"], row["starts_at"], row["ends_at"], row["intervals"]) for row in said}
    assert truth["meters"]["gaps"]["count"] == len(found) == 68
    assert truth["meters"]["gaps"]["intervals"] == sum(int(row[3]) for row in found)
    assert len({row["reason"] for row in said}) == 9
    assert any(row["ends_at"] == "2021-04-05 23:00:00" for row in said), "one meter fell silent before the horizon"


def test_agreements_have_the_proportions_of_the_real_delivery(delivery: Delivery, truth: dict[str, Any]) -> None:
    rows = delivery.agreements
    per_meter = defaultdict(list)
    for row in rows:
        per_meter[row[4]].append((row[1], row[2] or "9999"))
    pairs: Counter[str] = Counter()
    for spans in per_meter.values():
        spans.sort()
        for (first, end), (start, until) in itertools.pairwise(spans):
            pairs["touch" if end == start else "gap" if end < start else "overlap"] += 1
            if end > start:
                assert start == until or first == end, "every overlap has a zero-length agreement in it"
    assert (len(rows), len(delivery.meterpoints), len(delivery.names)) == (210, 101, 63)
    assert len(set(delivery.names.values())) == 27
    assert pairs == {"touch": 90, "gap": 12, "overlap": 8}
    assert Counter(map(len, per_meter.values())) == {1: 45, 2: 29, 3: 12, 4: 5, 5: 3, 6: 6}
    assert sum(row[1] == row[2] for row in rows) == 18
    assert sum(row[2] is None for row in rows) == 19
    assert sum(row[1] > "2021-04-05" for row in rows) == 13
    assert len({row[0] for row in rows}) == 210
    assert len({row[5] for row in rows}) == 113
    changers = [meter for meter in per_meter if len({row[5] for row in rows if row[4] == meter}) > 1]
    assert len(changers) == 6
    assert {row[3] for row in rows} <= set(delivery.names)
    assert set(per_meter) <= set(delivery.meterpoints)
    assert len(set(delivery.meterpoints.values())) == 13
    shapes = truth["meters"]["agreements"]["shapes"]
    assert [shapes[f"{kind} pairs"] for kind in ("touching", "gapped", "overlapping")] == [90, 12, 8]


def test_the_number_of_a_product_is_not_its_key(default_world: Path, delivery: Delivery) -> None:
    connection = sqlite3.connect(default_world / "smart_meters" / "case_study.db")
    numbers = {str(row[0]) for row in connection.execute("select id from product")}
    counts = connection.execute("select display_name, count(*) from product group by 1 order by 2 desc").fetchall()
    variable = connection.execute(
        "select sum(is_variable), count(distinct display_name) from product where is_variable"
    )
    assert variable.fetchone() == (12, 2)
    connection.close()
    assert not numbers & {row[3] for row in delivery.agreements}
    assert [count for _, count in counts[:3]] == [10, 7, 5]


def test_agreements_switch_inside_the_window(delivery: Delivery) -> None:
    switching = [
        meter
        for meter in delivery.reads
        if len(
            {
                found[0]
                for day in ("2020-10-16", "2021-01-01", "2021-04-05")
                if (found := in_force(delivery, meter, day)) is not None
            }
        )
        > 1
    ]
    assert len(switching) >= 5


def test_totals_per_meter_day_and_product(default_world: Path, delivery: Delivery, truth: dict[str, Any]) -> None:
    daily: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for identifier, rows in delivery.reads.items():
        for stamp, value in rows:
            sums = daily[identifier, delivery.local[stamp]]
            sums[0] += 1
            sums[1] += value
    products: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    meters = {}
    for (identifier, day), (count, used) in daily.items():
        agreement = in_force(delivery, identifier, day)
        name = delivery.names[agreement[3]] if agreement else "unmapped"
        meters[identifier, day] = (name, str(agreement[0]) if agreement else "", str(count), used)
        sums = products[day, name]
        sums[0] += 1
        sums[1] += count
        sums[2] += used
    assert meters == {
        (row["meterpoint_id"], row["local_date"]): (
            row["product_display_name"],
            row["agreement_id"],
            row["intervals"],
            Decimal(row["consumption_kwh"]),
        )
        for row in table(default_world, "daily_meterpoint")
    }
    assert products == {
        (row["local_date"], row["product_display_name"]): [
            int(row["meterpoint_count"]),
            int(row["intervals"]),
            Decimal(row["consumption_kwh"]),
        ]
        for row in table(default_world, "daily_product")
    }
    said = truth["meters"]
    assert said["rows"] == sum(count for count, _ in daily.values())
    assert Decimal(said["consumption_kwh"]) == sum(used for _, used in daily.values())
    unmapped = [(count, used) for (_, name), (_, count, used) in products.items() if name == "unmapped"]
    assert said["unmapped"]["rows"] == sum(count for count, _ in unmapped)
    assert Decimal(said["unmapped"]["consumption_kwh"]) == sum(used for _, used in unmapped) > 1000
    assert "2021-01-01" in {day for day, name in products if name == "unmapped"}
    per_meter = {row["meterpoint_id"]: Decimal(row["consumption_kwh"]) for row in table(default_world, "meterpoints")}
    assert per_meter == {meter: sum(value for _, value in rows) for meter, rows in delivery.reads.items()}


def test_totals_per_half_hour(default_world: Path, delivery: Delivery) -> None:
    unmapped_days = {
        (row["meterpoint_id"], row["local_date"])
        for row in table(default_world, "daily_meterpoint")
        if not row["agreement_id"]
    }
    found: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0), 0, Decimal(0)])
    for identifier, rows in delivery.reads.items():
        for stamp, value in rows:
            sums = found[stamp]
            sums[0] += 1
            sums[1] += value
            if (identifier, delivery.local[stamp]) in unmapped_days:
                sums[2] += 1
                sums[3] += value
    said = {
        row["starts_at"]: [
            int(row["meterpoint_count"]),
            Decimal(row["consumption_kwh"]),
            int(row["unmapped_meterpoint_count"]),
            Decimal(row["unmapped_kwh"]),
        ]
        for row in table(default_world, "half_hourly")
    }
    assert said == found
    assert len(said) == 8303


def test_active_agreements_at_a_date(default_world: Path, delivery: Delivery, truth: dict[str, Any]) -> None:
    said = defaultdict(set)
    for row in table(default_world, "active_agreements"):
        said[row["reference_date"]].add(int(row["agreement_id"]))
    assert set(said) == {"2021-01-01", "2020-10-25", "2026-01-01"}
    for day, identifiers in said.items():
        active = {row[0] for row in delivery.agreements if row[1] <= day and (row[2] is None or day < row[2])}
        assert identifiers == active
        assert truth["meters"]["agreements"]["active_counts"][day] == len(active)
    assert set(truth["meters"]["agreements"]["active_ids_2021_01_01"]) == said["2021-01-01"]


def test_the_truth_is_small(default_world: Path) -> None:
    assert (default_world / "truth.json").stat().st_size < 2_000_000


def test_a_later_day_holds_what_a_longer_window_would(default_world: Path, tmp_path: Path) -> None:
    from simulator.systems.smart_meters.meter_world import write_day
    from simulator.world import Size, make_world

    make_world(tmp_path / "short", Size(bills=300, meters=2, until=date(2020, 10, 16)), only=["smart_meters"])
    make_world(tmp_path / "long", Size(bills=300, meters=2, until=date(2020, 10, 17)), only=["smart_meters"])
    window = (Size.starts_on, date(2020, 10, 16))
    rows, watt_hours = write_day(tmp_path / "day", Size.seed, 2, *window, date(2020, 10, 17))
    assert rows == 2 * 48
    total = Decimal(0)
    for path in (tmp_path / "day").iterdir():
        longer = json.loads((tmp_path / "long" / "smart_meters" / "readings" / path.name).read_bytes())["data"]
        day = json.loads(path.read_bytes(), parse_float=Decimal)["data"]
        assert {row[0]: float(row[1]) for row in day}.items() <= {row[0]: row[1] for row in longer}.items()
        total += sum(row[1] for row in day)
    assert total == Decimal(watt_hours) / 1000


def test_every_planted_thing_is_listed_with_its_quantity(truth: dict[str, Any]) -> None:
    planted = {entry["fault"]: entry["quantity"] for entry in truth["meters"]["planted"]}
    assert planted == {
        "agreements: none": 1,
        "agreements: zero-length": 18,
        "agreements: open-ended": 19,
        "agreements: starting after the window": 13,
        "agreements: gapped": 12,
        "agreements: overlapping": 8,
        "agreements: account change": 6,
        "agreements: switch inside the window": planted["agreements: switch inside the window"],
        "reads: shuffled days": 40,
        "reads: near-dead meter": 1,
        "reads: unmapped": truth["meters"]["unmapped"]["meterpoint_count"],
        "gaps: the first half-hour of day one": 60,
        "gaps: one half-hour": 1,
        "gaps: three whole days": 1,
        "gaps: across the autumn clock change": 1,
        "gaps: silent up to the horizon": 1,
        "gaps: across local midnight": 1,
        "gaps: across the spring clock change": 1,
        "gaps: morning": 1,
        "gaps: evening of the same day": 1,
    }
    assert planted["agreements: switch inside the window"] >= 10
    assert all(entry["where"] and entry["means"] for entry in truth["meters"]["planted"])
