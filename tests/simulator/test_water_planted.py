"""Every planted fault of the water network is in its files, and nothing else is."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median

import pytest

from tests.simulator.water_files import ROME, World, during, spring_world, stretch, utc


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> World:
    return spring_world(tmp_path_factory.getbasetemp())


def test_one_node_has_four_to_six_rows_an_hour(spring: World) -> None:
    hours = Counter(
        at.replace(minute=0)
        for at, _ in spring.rows["node-ginepro"]
        if date(2021, 2, 26) <= at.date() < date(2021, 2, 28)
    )
    assert set(hours.values()) == {4, 5, 6}


def test_two_counters_start_anew(spring: World) -> None:
    falls = {
        node_id: [(left, right) for left, right in pairwise(counters) if right < left]
        for node_id, kept in spring.kept.items()
        if (counters := [values[1] for _, values in sorted(kept.items()) if values[1] is not None])
    }
    assert {node_id: len(found) for node_id, found in falls.items() if found} == {"924404": 1, "node-mirto": 1}
    # One begins at nought, the other where its new meter had stood.
    assert falls["924404"][0][1] < 5
    assert 1234 < falls["node-mirto"][0][1] < 1250


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
        assert all(left[1] < right[0] for left, right in pairwise(stretches))


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
