"""The water network: what its files hold, read here by other code than wrote them, is what its truth says."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from simulator.world import Size, make_day, make_world

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


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The network of the default world."""
    return read_world(tmp_path_factory.mktemp("water") / "spring", Size())


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Six days around the clock change of 2020-10-25."""
    return read_world(tmp_path_factory.mktemp("water") / "autumn", AUTUMN)


def stretch(row: dict[str, str]) -> tuple[datetime, datetime]:
    return utc(f"{row['starts_at']} UTC"), utc(f"{row['ends_at']} UTC")


def during(world: World, row: dict[str, str]) -> dict[datetime, Values]:
    starts_at, ends_at = stretch(row)
    return {at: values for at, values in world.kept[row["node_id"]].items() if starts_at <= at < ends_at}


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


def test_one_node_has_four_to_six_rows_an_hour(spring: World) -> None:
    hours = Counter(
        at.replace(minute=0)
        for at, _ in spring.rows["node-ginepro"]
        if date(2021, 2, 26) <= at.date() < date(2021, 2, 28)
    )
    assert set(hours.values()) == {4, 5, 6}


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
    assert sum(cells.values()) == spring.truth["table_rows"]["sensor_logs"]
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
        for (at, values), (later, following) in itertools.pairwise(readings):
            if values[0] is not None:
                litres = values[0] * int((later - at).total_seconds())
                assert following[1] - values[1] == litres / 1000, (node_id, at)


def test_two_counters_start_anew(spring: World) -> None:
    falls = {
        node_id: [(left, right) for left, right in itertools.pairwise(counters) if right < left]
        for node_id, kept in spring.kept.items()
        if (counters := [values[1] for _, values in sorted(kept.items()) if values[1] is not None])
    }
    assert {node_id: len(found) for node_id, found in falls.items() if found} == {"924404": 1, "node-mirto": 1}
    # One begins at nought, the other where its new meter had stood.
    assert falls["924404"][0][1] < 5
    assert 1234 < falls["node-mirto"][0][1] < 1250


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


def test_clean_weeks_and_a_clean_zone_have_no_fault(spring: World) -> None:
    clean = {name: utc(f"{text} UTC") for name, text in spring.truth["clean_weeks"].items()}
    assert clean["ends_at"] - clean["starts_at"] == timedelta(days=14)
    anomalies = spring.table("anomalies")
    assert all(stretch(row)[0] >= clean["ends_at"] for row in anomalies)
    assert spring.truth["clean_district"] == "DIST_002"
    assert "DIST_002" not in {row["district_id"] for row in anomalies}
    kinds = Counter(row["anomaly_type"] for row in anomalies)
    assert kinds.pop("night_flow_rise") == 2
    assert len(kinds) == 6
    assert min(kinds.values()) >= 4
    assert kinds + Counter({"night_flow_rise": 2}) == Counter(spring.truth["anomalies"])


def test_no_two_faults_of_a_node_overlap(spring: World) -> None:
    per_node: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in spring.table("anomalies"):
        per_node[row["node_id"] or row["district_id"]].append(stretch(row))
    for stretches in per_node.values():
        stretches.sort()
        assert all(left[1] < right[0] for left, right in itertools.pairwise(stretches))


def test_every_planted_fault_is_in_the_files(spring: World) -> None:
    usual: dict[tuple[str, int], list[Decimal]] = defaultdict(list)
    for node_id, kept in spring.kept.items():
        for at, values in kept.items():
            if values[0] is not None:
                usual[node_id, at.astimezone(ROME).hour].append(values[0])
    for row in spring.table("anomalies"):
        kind, node_id, place = row["anomaly_type"], row["node_id"], 2 if row["measurement_type"] == "pressure" else 0
        if kind == "night_flow_rise":
            continue
        found = during(spring, row)
        flows = [values[0] for values in found.values()]
        starts_at, ends_at = stretch(row)
        if kind == "gap":
            assert not found, row
            assert ends_at in spring.kept[node_id]
            assert ends_at - starts_at > timedelta(hours=1)
            assert max(at for at in spring.kept[node_id] if at < ends_at) >= starts_at - timedelta(minutes=15)
            continue
        assert found, row
        assert min(found) == starts_at, row
        if kind == "statistical_outlier":
            for at, values in found.items():
                hour = usual[node_id, at.astimezone(ROME).hour]
                middle = median(hour)
                spread = Decimal("1.4826") * median(abs(value - middle) for value in hour)
                assert abs(values[0] - middle) > 6 * spread, row
        elif kind == "out_of_range":
            limits = {"flow": (0, 0, 1000), "pressure": (2, 0, 20), "temperature": (3, 0, 50)}
            at, low, high = limits[row["measurement_type"]]
            assert all(not low <= values[at] <= high for values in found.values()), row
        elif kind == "flat_line":
            assert len({values[place] for values in found.values()}) == 1, row
            assert next(iter(found.values()))[place] > 0
            assert len({values[1] for values in found.values()}) == len(found), "the counter moves on"
        elif kind == "mismapped_pressure":
            (factor,) = {values[2] / values[0] for values in found.values()}
            assert str(factor) in row["note"]
        else:
            assert (kind, set(flows)) == ("no_flow", {Decimal(0)}), row


def test_a_leak_raises_the_night_flow_of_its_zone(spring: World) -> None:
    nights = {
        (row["district_id"], row["local_date"]): Decimal(row["mean_flow_lps"]) for row in spring.table("night_flow")
    }
    leaks = {row["district_id"]: row for row in spring.table("anomalies") if row["anomaly_type"] == "night_flow_rise"}
    for zone, litres in (("DIST_003", 0.8), ("DIST_004", 1.8)):
        begins = stretch(leaks[zone])[0].astimezone(ROME).date().isoformat()
        before = [float(flow) for (district, day), flow in nights.items() if district == zone and day < begins]
        after = [float(flow) for (district, day), flow in nights.items() if district == zone and day >= begins]
        assert median(after) - median(before) == pytest.approx(litres, abs=0.25)
        assert min(after) > max(before)
    flows = [nights["DIST_002", day] for _, day in nights if _ == "DIST_002"]
    assert max(flows) - min(flows) < Decimal("1.0")


def test_a_night_flow_is_that_of_the_delivered_inputs(spring: World) -> None:
    rows = {(row["district_id"], row["local_date"]): row for row in spring.table("night_flow")}
    day = datetime(2021, 3, 3, 2, tzinfo=ROME).astimezone(UTC)
    instants = [day + timedelta(minutes=15 * at) for at in range(12)]
    flows = [spring.kept["921101"][at][0] + spring.kept["921102"][at][0] for at in instants]
    said = rows["DIST_001", "2021-03-03"]
    assert (said["instants"], Decimal(said["minimum_flow_lps"]), said["is_complete"]) == ("12", min(flows), "true")
    assert Decimal(said["mean_flow_lps"]) == (sum(flows) / 12).quantize(Decimal("0.0001"))
    # Two hours of the night of the spring clock change, and an input was silent in them.
    said = rows["DIST_004", "2021-03-28"]
    assert (said["instants"], said["complete_instants"], said["is_complete"]) == ("24", "6", "false")


def test_constant_nodes_are_no_fault(spring: World) -> None:
    for node_id in ("node-serbatoio", "924405"):
        assert {values[0] for values in spring.kept[node_id].values()} == {Decimal(0)}
        assert len({values[1] for values in spring.kept[node_id].values()}) == 1
        assert node_id not in {row["node_id"] for row in spring.table("anomalies")}


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
    with pytest.raises(ValueError, match="lies before"):
        make_day(autumn.root, date(2020, 1, 1), tmp_path / "early", "abbanoa")
