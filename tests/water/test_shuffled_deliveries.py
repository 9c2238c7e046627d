"""Files of readings, logs and node lists in any order and in any loads: the marts depend on the deliveries alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import duckdb_warehouse
from tests.water.raw_water import Load, Row, create_raw, dbt, export, land, marts, node, reading
from tests.water.story import half_hours

LIST = [
    node("n1", "input", "A", 30),
    node("n2", "output", "A", 30),
    node("n3", "meter", "A", 30, channel_prefix="TERZO"),
]
CHANGED = [node("n1", "input", "A", 15), LIST[2]]


def deliveries() -> list[tuple[str, str, list[Row]]]:
    """Table, name and rows: days around both clock changes and a month's end, overlapping files that say the same, a
    pause of months, a log of a node that the second list knows first, and three lists, the second without n2."""
    days = [*(f"2021-03-{day}" for day in range(26, 32)), "2021-04-01", "2021-10-30", "2021-10-31"]
    found = []
    for number, day in enumerate(days):
        rows = half_hours("n1", f"{day} 00:00:00", 47, "2", str(100 + 1000 * number))
        # The next file says again what this one said last.
        found.append(("sensor_readings", f"n1-{day}.csv", rows))
        found.append(("sensor_readings", f"n1-{day}-evening.csv", rows[40:]))
        if day != "2021-03-29":
            found.append(("sensor_readings", f"n2-{day}.csv", half_hours("n2", f"{day} 00:10:00", 47, "1", "0")))
    clock = [(f"{hour:02}:30:00", "1,5", f"{hour}") for hour in (0, 1, 2, 2, 3, 4)]
    log = export([("TERZO PORTATA", "L/S"), ("TERZO CONTATORE", "M3")], [("31/10/2021", *row) for row in clock])
    found.append(("sensor_logs", "terzo.csv", log))
    found.append(
        ("sensor_readings", "bad.csv", [reading("n1", "2021-02-30 00:00:00"), reading("n1", "2021-03-30 00:00")])
    )
    lists = {"20210301": LIST[:2], "20210330": CHANGED, "20210401": LIST}
    return found + [("sensor_nodes", f"nodes_{day}.csv", rows) for day, rows in lists.items()]


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_incremental_builds_equal_one_build_of_everything(seed: int, tmp_path: Path) -> None:
    order = random.Random(seed)
    files = deliveries()
    order.shuffle(files)
    cuts = sorted(order.sample(range(1, len(files)), 2))
    warehouse = duckdb_warehouse(tmp_path)
    create_raw(warehouse)
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(files)], strict=True), 1):
        load: dict[str, dict[str, list[Row]]] = {"sensor_nodes": {}, "sensor_readings": {}, "sensor_logs": {}}
        for table, name, rows in files[start:end]:
            load[table][name] = rows
        land(warehouse, number, Load(**load))
        dbt(warehouse, tmp_path, "run")
    told = marts(warehouse)
    dbt(warehouse, tmp_path, "run", "--full-refresh")
    assert marts(warehouse) == told

    # 9 days of n1 and 8 of n2 with 48 readings; six of n3, whose 02:30 came twice; copies and bad rows are no readings.
    assert warehouse.query("select node_id, count(*) from marts.fct_sensor_readings group by 1 order by 1") == [
        ("n1", 9 * 48), ("n2", 8 * 48), ("n3", 6),
    ]  # fmt: skip
    # The repeated half past two is two instants; after it standard time goes on.
    assert warehouse.query(
        "select cast(min(read_at) as varchar), cast(max(read_at) as varchar) from marts.fct_sensor_readings "
        "where node_id = 'n3'"
    ) == [("2021-10-30 22:30:00", "2021-10-31 03:30:00")]
    assert warehouse.query("select count(*) from marts.node_history where node_id = 'n2'") == [(3,)]
    assert warehouse.query(
        "select count(*) from intermediate.conservation_abbanoa "
        "where amount_in <> kept + superseded + rejected + unmapped"
    ) == [(0,)]
