"""Long histories for speed tests: as many nodes and days as asked for, made inside DuckDB, in files a month long."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from simulator.systems.abbanoa.network import COLUMNS
from simulator.systems.abbanoa.physics import midnight

NODES_PER_ZONE = 5
"""One input and four outputs."""
LEAK_LPS = 1.5


@dataclass(frozen=True)
class Leak:
    """More inflow of a zone from a local midnight on, until the end."""

    district_id: str
    starts_on: date
    flow_lps: float


@dataclass(frozen=True)
class History:
    """What was written. `rows` readings, one per node and instant, without a gap or a duplicate."""

    readings: Path
    nodes: Path
    rows: int
    leaks: tuple[Leak, ...]
    volume_m3: float
    """What flowed through all inputs."""


def write_history(
    folder: Path,
    nodes: int = 100,
    days: int = 365,
    *,
    first_day: date = date(2020, 1, 1),
    minutes: int = 5,
    suffix: str = "parquet",
    memory: str = "1GB",
) -> History:
    """Writes `readings/` (one file per calendar month, by node and time) and `nodes/`; `suffix` is parquet or csv.

    The same arguments give the same values. A zone has one input and four outputs, a day shape and noise, and delivers
    47 % of what enters; three of the zones (where there are three) spring a leak of 1.5 L/s, at 40, 60 and 80 % of the
    days. A month is in memory or spilled at a time. ValueError for another suffix, a step that does not divide an hour,
    or a number of nodes that is no multiple of five.
    """
    if suffix not in ("parquet", "csv"):
        raise ValueError(f"suffix must be parquet or csv, not {suffix!r}")
    if 60 % minutes:
        raise ValueError(f"{minutes} minutes do not divide an hour")
    if nodes < 1 or nodes % NODES_PER_ZONE:
        raise ValueError(f"{nodes} nodes are not whole zones of {NODES_PER_ZONE}")
    readings = folder / "readings"
    readings.mkdir(parents=True, exist_ok=True)
    zones = nodes // NODES_PER_ZONE
    leaks = tuple(
        Leak(_zone(zone), first_day + timedelta(days=days * share // 100), LEAK_LPS)
        for zone, share in zip((0, zones // 2, zones - 1), (40, 60, 80), strict=True)
        if zones > 2
    )
    listed = _write_nodes(folder / "nodes", nodes, minutes)
    ends_at = midnight(first_day + timedelta(days=days))
    connection = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder / ".spill")})
    try:
        connection.execute("set timezone = 'Europe/Rome'")
        connection.execute("set preserve_insertion_order = true")
        connection.execute(_EVEN)
        connection.execute(_NODES, [nodes])
        connection.execute("create table leak (zone integer, starts_at bigint, more double)")
        for leak in leaks:
            values = [int(leak.district_id.removeprefix("DIST_")), midnight(leak.starts_on), leak.flow_lps]
            connection.execute("insert into leak values (?, ?, ?)", values)
        connection.execute("create table counted (node integer primary key, litres bigint)")
        connection.execute("insert into counted select node, 1000000000 + node * 7919000 from node")
        rows, litres, month = 0, 0, first_day
        while midnight(month) < ends_at:
            following = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
            until = min(midnight(following), ends_at)
            connection.execute(_MONTH, {"first": midnight(month), "until": until, "step": minutes * 60})
            target = readings / f"readings_{month:%Y-%m}.{suffix}"
            options = "format parquet, compression snappy" if suffix == "parquet" else "format csv, header"
            connection.execute(f"copy ({_DELIVERED[suffix]}) to '{_quoted(target)}' ({options})")
            found = connection.execute("select count(*), sum(litres) filter (node % 5 = 0) from month").fetchone()
            assert found is not None
            rows, litres, month = rows + found[0], litres + int(found[1]), following
            connection.execute(
                "update counted set litres = counted.litres + more.litres"
                " from (select node, sum(litres) as litres from month group by node) as more"
                " where counted.node = more.node"
            )
    finally:
        connection.close()
    return History(readings, listed, rows, leaks, litres / 1000)


def _zone(number: int) -> str:
    return f"DIST_{number:03d}"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _write_nodes(folder: Path, nodes: int, minutes: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "nodes_20200101.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number in range(nodes):
            zone, place = divmod(number, NODES_PER_ZONE)
            writer.writerow(
                [
                    800_000 + number, f"Nodo {number}", "output" if place else "input", _zone(zone), f"Zona {zone}",
                    "synthetic", f"{39.2 + zone / 1000:.6f}", f"{9.1 + place / 1000:.6f}", "2015-01-15", "2019-10-01",
                    "true", minutes, "", "{}",
                ]
            )  # fmt: skip
    return folder


# hash() is DuckDB's own and seeded by nothing: the same rows give the same noise. The sum of three even draws is nearly
# normal and bounded, so that nothing stands out that was not planted.
_EVEN = "create macro even(one, two, three) as (hash(one, two, three) % 100003)::double / 100003"
_NODES = """
    create table node as
    select
        range::integer as node, (range // 5)::integer as zone, (range % 5)::integer as place,
        3.0 + 9.0 * even(range, 'mean', 0) as mean_lps
    from range(?)
"""
_MONTH = """
    create or replace temp table month as
    with instants as (
        select range as instant, to_timestamp(range) as moment
        from range($first::bigint, $until::bigint, $step::bigint)
    ),

    demand as (
        select
            instant,
            (1.0 + 0.42 * sin((hour(moment) + minute(moment) / 60.0 - 7.5) / 24 * 2 * pi())
             + 0.18 * sin((hour(moment) + minute(moment) / 60.0 - 5.0) / 12 * 2 * pi()))
            * (case when isodow(moment) > 5 then 0.97 else 1.0 end) as level
        from instants
    ),

    drawn as (
        select
            node.node, node.zone, node.place, demand.instant,
            round(100 * node.mean_lps * demand.level * (
                1 + 0.1 * (even(node.node, demand.instant, 1) + even(node.node, demand.instant, 2)
                           + even(node.node, demand.instant, 3) - 1.5)
            ))::bigint as centi
        from node cross join demand
        where node.place > 0
    ),

    lost as (
        select node.zone, sum(100 * node.mean_lps) * (1 / 0.47 - 1) as centi
        from node where node.place > 0 group by node.zone
    ),

    entered as (
        select
            drawn.zone * 5 as node, drawn.zone, drawn.instant,
            (sum(drawn.centi)
             + max(round(lost.centi * (0.99 + 0.02 * even(drawn.zone, drawn.instant, 5))))
             + coalesce(max(100 * leak.more) filter (drawn.instant >= leak.starts_at), 0))::bigint as centi
        from drawn
        inner join lost on drawn.zone = lost.zone
        left join leak on drawn.zone = leak.zone
        group by drawn.zone, drawn.instant
    ),

    flow as (
        select node, zone, instant, centi from drawn
        union all
        select node, zone, instant, centi from entered
    ),

    counted_up as (
        select
            flow.*,
            flow.centi * $step // 100 as litres,
            sum(flow.centi * $step // 100) over (partition by flow.node order by flow.instant) as so_far
        from flow
    )

    select
        counted_up.node, counted_up.zone, counted_up.instant, counted_up.centi, counted_up.litres,
        counted.litres + counted_up.so_far - counted_up.litres as counter
    from counted_up
    inner join counted on counted_up.node = counted.node
    order by counted_up.node, counted_up.instant
"""
_SELECT = """
    select
        {stamp} as timestamp,
        (800000 + node)::varchar as node_id,
        'DIST_' || lpad(zone::varchar, 3, '0') as district_id,
        centi / 100.0 as flow_rate,
        round(5.2 - 0.9 * least(centi / 4000.0, 2) + 0.6 * even(node, instant, 4), 2) as pressure,
        17 + round(3 * even(node, instant // 7200, 6), 1) as temperature,
        counter / 1000.0 as volume,
        1.0::double as data_quality_score,
        false as is_interpolated
    from month
"""
_DELIVERED = {
    "parquet": _SELECT.format(stamp="to_timestamp(instant)"),
    "csv": _SELECT.format(stamp="strftime(make_timestamp(instant * 1000000), '%Y-%m-%d %H:%M:%S UTC')"),
}
