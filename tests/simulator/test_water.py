"""The water network: what its files hold is what its truth says."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simulator.world import Size, make_day, make_world
from tests.simulator.water_files import AUTUMN, ROME, Values, World, delivered, read_world, spring_world, text_of


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> World:
    return spring_world(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Six days around the clock change of 2020-10-25."""
    return read_world(tmp_path_factory.mktemp("water") / "autumn", AUTUMN)


def test_the_same_size_gives_the_same_bytes(autumn: World, tmp_path: Path) -> None:
    make_world(tmp_path / "again", AUTUMN, only=["abbanoa"])
    files = {path.relative_to(autumn.root): path for path in autumn.root.rglob("*") if path.is_file()}
    again = {path.relative_to(tmp_path / "again"): path for path in (tmp_path / "again").rglob("*") if path.is_file()}
    assert files.keys() == again.keys()
    assert [name for name, path in files.items() if path.read_bytes() != again[name].read_bytes()] == []
    other = make_world(
        tmp_path / "other", Size(seed=7, starts_on=AUTUMN.starts_on, until=AUTUMN.until), only=["abbanoa"]
    )
    assert other["water"]["input_m3"] != autumn.truth["input_m3"]


def test_every_delivered_row_is_counted(spring: World) -> None:
    said = {row["node_id"]: row for row in spring.table("readings")}
    assert said.keys() == spring.rows.keys()
    assert len(said) == 20
    for node_id, rows in spring.rows.items():
        row, kept = said[node_id], spring.kept[node_id]
        conflicting = sum(len(values) > 1 for values in _distinct(rows).values())
        flows = [values[0] for values in kept.values() if values[0] is not None]
        assert int(row["rows_delivered"]) == len(rows), node_id
        assert int(row["distinct_readings"]) == len(kept), node_id
        assert int(row["duplicate_rows"]) == len(rows) - len(kept), node_id
        assert int(row["conflicting_rows"]) == conflicting, node_id
        assert (int(row["flow_readings"]), Decimal(row["flow_lps_sum"])) == (len(flows), sum(flows)), node_id
    assert spring.truth["rows"] == sum(map(len, spring.kept.values()))
    assert 130_000 < spring.truth["rows"] < 160_000
    assert sum(int(row["conflicting_rows"]) for row in said.values()) == 1


def _distinct(rows: list[tuple[datetime, Values]]) -> dict[datetime, set[Values]]:
    found: dict[datetime, set[Values]] = defaultdict(set)
    for instant, values in rows:
        found[instant].add(values)
    return found


def test_logger_values_are_counted(spring: World) -> None:
    cells: Counter[str] = Counter()
    empty = 0
    for path in (spring.root / "abbanoa" / "readings").glob("*.csv"):
        content = path.read_bytes()
        lines = text_of(content).split("\r\n")
        if lines[0].startswith("DATA;"):
            for line in lines[2:-1]:
                values = line.split(";")[2:]
                cells["export"] += sum(map(bool, values))
                empty += values.count("")
        elif lines[0].startswith(";DATE"):
            cells["data log"] += sum(len(line.split(";")) - 3 for line in lines[2:-1])
    assert sum(cells.values()) + empty == spring.truth["table_rows"]["sensor_logs"]
    assert sum(int(row["log_values"]) for row in spring.table("readings")) == sum(cells.values())
    assert empty == spring.truth["empty_cells"] == 6


def test_files_are_in_the_encodings_they_claim(spring: World) -> None:
    marks = {"utf-8-sig": b"\xef\xbb\xbf", "utf-16": b"\xff\xfe"}
    seen = set()
    for said in spring.truth["files"]:
        content = (spring.root / "abbanoa" / "readings" / said["file"]).read_bytes()
        if not said["dialect"].startswith("logger"):
            continue
        seen.add((said["dialect"], said["encoding"]))
        assert content.startswith(marks.get(said["encoding"], b"")), said["file"]
        if said["encoding"] == "cp1252" and b"\xb0" in content:
            with pytest.raises(UnicodeDecodeError):
                content.decode("utf-8")
    assert len(seen) == 8
    listed = {said["file"] for said in spring.truth["files"]}
    assert listed == {path.name for path in (spring.root / "abbanoa" / "readings").iterdir()}


def test_a_parquet_export_is_typed(spring: World) -> None:
    (first, *_) = sorted((spring.root / "abbanoa" / "readings").glob("*.parquet"))
    schema = pq.read_schema(first)
    types = [str(schema.field(name).type) for name in ("timestamp", "flow_rate", "is_interpolated")]
    assert types == ["timestamp[us, tz=UTC]", "double", "bool"]


def test_days_of_a_clock_change_have_23_and_25_hours(spring: World, autumn: World) -> None:
    for world, day, hours in ((spring, "2021-03-28", 23), (autumn, "2020-10-25", 25), (autumn, "2020-10-26", 24)):
        expected = {
            row["node_id"]: int(row["expected_readings"]) for row in world.table("daily") if row["local_date"] == day
        }
        found = {
            node_id: sum(at.astimezone(ROME).date().isoformat() == day for at in kept)
            for node_id, kept in world.kept.items()
        }
        assert expected["node-mirto"] == found["node-mirto"] == 4 * hours
        assert expected["922202"] == found["922202"] == 2 * hours
        assert expected["923301"] == found["923301"] == 4 * hours
        assert expected["924403"] == found["924403"] == 12 * hours
    # This one reads every fifteen minutes from 2021-03-08 on.
    changed = {
        row["local_date"]: row["expected_readings"] for row in spring.table("daily") if row["node_id"] == "924406"
    }
    assert [changed[f"2021-03-{day}"] for day in ("07", "08", "28")] == ["288", "96", "92"]


def test_a_daily_volume_is_the_difference_of_the_counters_at_both_midnights(spring: World, autumn: World) -> None:
    for world, least in ((spring, 850), (autumn, 90)):
        exact = [row for row in world.table("daily") if row["is_exact"] == "true"]
        for row in exact:
            day = datetime.fromisoformat(row["local_date"])
            start, end = (one.replace(tzinfo=ROME).astimezone(UTC) for one in (day, day + timedelta(days=1)))
            kept = world.kept[row["node_id"]]
            assert kept[end][1] - kept[start][1] == Decimal(row["volume_m3"]), row
        assert len(exact) >= least


def test_counters_follow_the_flow(autumn: World) -> None:
    for node_id, kept in autumn.kept.items():
        readings = sorted(kept.items())
        for (at, values), (later, following) in pairwise(readings):
            if values[0] is not None:
                litres = values[0] * int((later - at).total_seconds())
                assert following[1] - values[1] == litres / 1000, (node_id, at)


def test_a_balance_is_what_enters_less_what_is_delivered(spring: World) -> None:
    daily = {(row["node_id"], row["local_date"]): row for row in spring.table("daily")}
    (listed, *_) = sorted((spring.root / "abbanoa" / "nodes").iterdir())
    nodes = spring.nodes(listed.name)
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for (node_id, day), row in daily.items():
        kind = nodes[node_id]["node_type"]
        place = (
            0
            if kind in ("input", "source", "supply")
            else 1
            if kind in ("output", "delivery", "distribution")
            else None
        )
        if place is not None:
            for zone in (nodes[node_id]["district_id"], "network"):
                sums[zone, day][place] += Decimal(row["volume_m3"])
    balance = spring.table("balance")
    assert len(balance) == 5 * 50
    for row in balance:
        entered, left = sums[row["district_id"], row["local_date"]]
        assert (Decimal(row["input_m3"]), Decimal(row["output_m3"])) == (entered, left)
        assert Decimal(row["loss_m3"]) == entered - left
    for zone, low, high in (("DIST_001", 0.46, 0.48), ("DIST_002", 0.5, 0.52), ("network", 0.46, 0.49)):
        mine = [row for row in balance if row["district_id"] == zone]
        share = sum(float(row["output_m3"]) for row in mine) / sum(float(row["input_m3"]) for row in mine)
        assert low < share < high, zone
    silent = {(row["district_id"], row["local_date"]) for row in balance if int(row["silent_meters"])}
    assert silent == {(zone, day) for zone in ("DIST_001", "network") for day in ("2021-03-24", "2021-03-25")}


def test_an_hour_that_repeats_comes_twice_in_a_logger_file(autumn: World) -> None:
    (path,) = (autumn.root / "abbanoa" / "readings").glob("923301_*")
    hour = [line.split(";")[2] for line in text_of(path.read_bytes()).split("\r\n") if ";2020/10/25;02:" in line]
    assert hour == ["02:00:00", "02:15:00", "02:30:00", "02:45:00"] * 2


def test_node_lists_tell_of_a_change_a_removal_and_a_return(spring: World) -> None:
    first, second, third = (spring.nodes(said["file"]) for said in spring.truth["node_lists"])
    assert first.keys() - second.keys() == {"922204"}
    assert third.keys() == first.keys()
    changed = {
        (node_id, column): (first[node_id][column], value)
        for node_id, row in second.items()
        for column, value in row.items()
        if first[node_id][column] != value
    }
    assert changed == {
        ("node-ginepro", "node_name"): ("Via Ginepro", "Via Ginepro 12"),
        ("923304", "node_type"): ("meter", "zone_meter"),
        ("924406", "expected_interval_minutes"): ("5", "15"),
    }
    assert [node_id for node_id, row in third.items() if row != second.get(node_id)] == ["node-mirto", "922204"]
    assert all(39.1 < float(row["latitude"]) < 39.4 and 9 < float(row["longitude"]) < 9.3 for row in first.values())


def test_a_later_day_holds_what_a_longer_window_would(autumn: World, tmp_path: Path) -> None:
    day = AUTUMN.until + timedelta(days=1)
    make_day(autumn.root, day, tmp_path / "day", "abbanoa")
    longer = read_world(tmp_path / "longer", Size(starts_on=AUTUMN.starts_on, until=day))
    prefixes = {
        row["channel_prefix"]: key for key, row in longer.nodes("nodes_20201022.csv").items() if row["channel_prefix"]
    }
    found = {
        (node_id, at): values
        for path in (tmp_path / "day").iterdir()
        for node_id, at, values in delivered(path, prefixes)
    }
    expected = {
        (node_id, at): values
        for node_id, kept in longer.kept.items()
        for at, values in kept.items()
        if at.astimezone(ROME).date() == day
    }
    assert found == expected
    assert len(found) == 10 * 96 + 4 * 48 + 6 * 288
    for node_id, kept in autumn.kept.items():
        assert kept == {at: longer.kept[node_id][at] for at in kept}, node_id
    with pytest.raises(ValueError, match="lies before"):
        make_day(autumn.root, date(2020, 1, 1), tmp_path / "early", "abbanoa")
