"""A year of readings of a water network, 100 nodes every five minutes: landed and built whole, then one more day."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from bench.measure import Figure

NODES, DAYS = 100, 365
MARTS = "+marts.water"
"""The water marts with everything before them, tests included."""


@dataclass(frozen=True)
class WaterYear:
    """Folders of the year's files and of the day after it; `rows` and `day_rows` readings."""

    readings: Path
    nodes: Path
    rows: int
    day: Path
    day_rows: int


def prepared_year(root: Path) -> WaterYear:
    """The year, made when it is not there yet: one Parquet file a month, and the day that follows it."""
    folder = root / f"water_{NODES}_nodes_{DAYS}_days"
    readings, day = folder / "readings", folder / "next_day"
    if not day.exists():
        from simulator.systems.abbanoa.bench import write_history

        print(f"making {DAYS} days of {NODES} nodes in {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        write_history(folder, NODES, DAYS)
        _write_next_day(readings, day)
    return WaterYear(readings, folder / "nodes", _rows(readings), day, _rows(day))


def _write_next_day(readings: Path, day: Path) -> None:
    """The last 24 hours again, a day later, the totalisers counting on."""
    last = max(readings.glob("*.parquet"))
    made = day.with_name("next_day.making")
    made.mkdir()
    shift = timedelta(days=1)
    duckdb.sql(
        f"""
        copy (
            select * replace (
                timestamp + interval '{shift.days} day' as timestamp,
                volume + (max(volume) over w - min(volume) over w)
                + last_value(flow_rate) over (partition by node_id order by timestamp
                    rows between unbounded preceding and unbounded following) * 0.3 as volume
            )
            from '{last}'
            where timestamp >= (select max(timestamp) from '{last}') - interval '23 hours 55 minutes'
            window w as (partition by node_id)
        ) to '{made / "next_day.parquet"}' (format parquet)
        """
    )
    made.rename(day)


def _rows(folder: Path) -> int:
    ((rows,),) = duckdb.sql(f"select count(*) from '{folder}/*.parquet'").fetchall()
    return int(rows)


def measure(
    year: WaterYear,
    run: Callable[..., Figure],
    dbt: Callable[[str, str, int], Figure],
    limit: Callable[[Path, int], Figure],
) -> tuple[Figure, list[Figure]]:
    """The physical limit of landing the year, and every figure in order. The callables measure one process each."""
    settings = {"ABBANOA_READINGS": str(year.readings), "ABBANOA_NODES": str(year.nodes)}
    landing = ["-m", "ingestion", "land", "abbanoa"]
    floor = limit(year.readings, year.rows)
    figures = [
        floor,
        run("land the year", landing, year.rows, **settings),
        dbt("build the water marts", MARTS, year.rows),
        dbt("build again, nothing new", MARTS, 0),
        run("land one more day", landing, year.day_rows, **{**settings, "ABBANOA_READINGS": str(year.day)}),
        dbt("build one more day", MARTS, year.day_rows),
    ]
    return floor, figures
