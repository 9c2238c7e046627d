"""Landing and building measured against the physical limit of the same engines in the same run: `make bench`.

Every figure is a whole process; ratios are CPU seconds a row against the limit's, medians over the rounds. Slow ways
get a part of the data, on which their fixed cost weighs more than it would on the whole. See `bench/ways.py` for what
each way is.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import detectors, water
from bench.measure import Figure, measured
from bench.readers import READERS
from bench.readers import measured as readers
from bench.world import World, part, prepared

ROOT = Path(__file__).resolve().parent.parent
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(width=max(Console().width, 118))
NEW_DAY = date(2021, 4, 6)
METERING = "stg_smart_meters__meter_readings+"
"""What a day's delivery of readings asks to be built: models and their tests."""
SLOW_PART = {"bills": 2, "reads": 100}
"""Files given to the slow ways: 100,000 bills, some 800,000 half-hours."""


class Bench:
    """One engine's part of a bench. `folder` is emptied at the start; nothing of the checkout's own data is touched."""

    def __init__(self, engine: str, world: World, folder: Path, server: dict[str, str], server_pid: int | None) -> None:
        self.engine, self.world, self.folder, self.server_pid = engine, world, folder, server_pid
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.env = {
            **server,
            "WAREHOUSE": engine,
            "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
            "LAKE_URL": str(folder / "lake"),
            "METERHOUSE_DATA": str(folder / "data"),
            "BENCH_WORK": str(folder / "work"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }
        self.figures: list[Figure] = []

    def run(self, way: str, command: Sequence[str], rows: int, **env: str) -> Figure:
        """Measures one process and keeps the figure."""
        console.print(f"[dim]{self.engine}: {way} …[/dim]")
        figure = measured(
            way, [sys.executable, *command], rows=rows, env={**self.env, **env}, log=self.folder / "output.log",
            server_pid=self.server_pid,
        )  # fmt: skip
        self.figures.append(figure)
        return figure

    def way(self, name: str, kind: str, folder: Path, rows: int, *arguments: str) -> Figure:
        """One of the plain ways, into a table or file of its own."""
        return self.run(
            name, ["-m", "bench.ways", name, self.engine, kind, str(folder), *arguments], rows,
            WAREHOUSE_PATH=str(self.folder / "plain.duckdb"),
        )  # fmt: skip

    def dbt(self, what: str, select: str, rows: int) -> Figure:
        """`dbt build` of a selection, tests included."""
        command = ["-m", "dbt.cli.main", "build", "--quiet", "--select", *select.split()]
        return self.run(what, [*command, "--project-dir", str(ROOT / "dbt_project"), "--profiles-dir",
                               str(ROOT / "dbt_project")], rows)  # fmt: skip


def _median(figures: Sequence[Figure]) -> Figure:
    """The run with the median CPU; peak memory is the highest of all."""
    middle = statistics.median_low([figure.cpu_s for figure in figures])
    chosen = next(figure for figure in figures if figure.cpu_s == middle)
    return replace(chosen, peak_mb=max(figure.peak_mb for figure in figures))


def _table(title: str, figures: Sequence[Figure], limit: Figure | None = None) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("way")
    for name in ("rows", "wall s", "CPU s", "peak MB", *(("wall x", "CPU x") if limit else ())):
        table.add_column(name, justify="right")
    for figure in figures:
        ratios: tuple[str, ...] = ()
        if limit:
            per_row = (figure.wall_ratio, figure.cpu_ratio) if figure.rows else ()
            ratios = tuple(f"{ratio(limit):.2f}" for ratio in per_row) or ("", "")
        table.add_row(
            figure.way, f"{figure.rows:,}", f"{figure.wall_s:.1f}", f"{figure.cpu_s:.1f}", f"{figure.peak_mb:,.0f}",
            *ratios,
        )  # fmt: skip
    return table


def _landing(bench: Bench, kind: str, rounds: int) -> Table:
    world = bench.world
    whole = world.pages if kind == "bills" else world.readings
    rows = world.bills if kind == "bills" else world.half_hours
    ours = ["-m", "bench.stored_pages", str(whole)] if kind == "bills" else ["-m", "ingestion", "land", "smart_meters"]
    taken: dict[str, list[Figure]] = {}
    for _ in range(rounds):
        # Taken in turn: the machine's speed drifts.
        taken.setdefault("limit", []).append(bench.way("limit", kind, whole, rows))
        taken.setdefault("lineage", []).append(bench.way("lineage", kind, whole, rows))
        _forget(bench)
        name = "meterhouse, from files"
        taken.setdefault(name, []).append(bench.run(name, ours, rows, SMART_METERS_READINGS=str(world.readings)))
    if bench.engine == "postgres":
        finished = bench.folder / "finished.csv"
        bench.way("prepare-copy", kind, whole, rows, str(finished))
        taken["copy"] = [bench.way("copy", kind, whole, rows, str(finished))]
        finished.unlink()
    slow, slow_rows = part(world, kind, SLOW_PART[kind])
    taken["dictionaries"] = [bench.way("dictionaries", kind, slow, slow_rows)]
    if bench.engine == "postgres":
        taken["handwritten"] = [bench.way("handwritten", kind, slow, slow_rows)]
    if kind == "bills":
        _forget(bench)
        name = "meterhouse, over HTTP"
        taken[name] = [_over_http(bench, name)]
    limit = _median(taken["limit"])
    title = f"\nLanding {rows:,} {'bills x 35' if kind == 'bills' else 'half-hours'} on {bench.engine}"
    return _table(title, [_median(figures) for figures in taken.values()], limit)


def _over_http(bench: Bench, way: str) -> Figure:
    """The whole landing of the bills; the portal is another process and its CPU is not counted."""
    serve = [sys.executable, "-m", "simulator", "serve", "--world", str(bench.world.made)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as portal:
        try:
            assert portal.stdout is not None
            settings = (line.strip().partition("=") for line in portal.stdout)
            domain = next(value for name, _, value in settings if name == "SOCRATA_DOMAIN")
            return bench.run(
                way, ["-m", "ingestion", "land", "winnipeg_billing"], bench.world.bills,
                SOCRATA_DOMAIN=domain, SOCRATA_DATASET_ID=bench.world.dataset_id,
            )  # fmt: skip
        finally:
            portal.terminate()


def _forget(bench: Bench) -> None:
    """An empty warehouse and lake for the next landing."""
    for name in ("lake", "data", "work"):
        shutil.rmtree(bench.folder / name, ignore_errors=True)
    for path in bench.folder.glob("*.duckdb*"):
        path.unlink()
    if bench.engine == "postgres":
        import psycopg2

        connection = psycopg2.connect(
            host=bench.env["PGHOST"], port=bench.env["PGPORT"], user=bench.env["PGUSER"],
            password=bench.env.get("PGPASSWORD"), dbname=bench.env["PGDATABASE"],
        )  # fmt: skip
        connection.autocommit = True
        with connection.cursor() as cursor:
            for schema in ("raw", "staging", "intermediate", "marts", "ledger", "published", "bench"):
                cursor.execute(f"drop schema if exists {schema} cascade")
            cursor.execute("drop table if exists bench_limit")
        connection.close()


def _water(bench: Bench, root: Path) -> Table:
    """A year of the water network, full and one more day, beside the limit of landing it."""
    year = water.prepared_year(root)
    _forget(bench)
    floor, figures = water.measure(
        year, bench.run, bench.dbt, lambda folder, rows: bench.way("limit", "water", folder, rows)
    )
    return _table(f"\n{year.rows:,} readings of {water.NODES} nodes on {bench.engine}", figures, floor)


def _detectors(root: Path, seeds: Sequence[int], is_kept: bool) -> list[Table]:
    """Precision and recall per kind of planted fault, a table per sample world; `is_kept` writes `detectors.TRIALS`."""
    folder = root / "work" / "detectors"
    verdicts = {}
    for seed in seeds:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        verdicts[seed] = detectors.verdict(folder, seed)
    shutil.rmtree(folder)
    if is_kept:
        detectors.write_trials(verdicts)
        console.print(f"Wrote {detectors.TRIALS}")
    return [_scored(seed, found) for seed, found in verdicts.items()]


def _scored(seed: int, found: detectors.Verdict) -> Table:
    leaks = ", ".join(f"{zone} on night {night or 'none'}" for zone, night in found.nights.items())
    table = Table(
        title=f"\nWater anomalies, seed {seed}. False alarms: {len(found.false_alarms)}; leaks: {leaks}",
        title_justify="left", header_style="bold",
    )  # fmt: skip
    table.add_column("kind")
    for name in ("planted", "found", "told", "right", "recall", "precision"):
        table.add_column(name, justify="right")
    for one in found.scores:
        counts = (str(number) for number in (one.planted, one.found, one.told, one.right))
        table.add_row(one.kind, *counts, f"{one.recall:.2f}", f"{one.precision:.2f}")
    return table


def _readers(root: Path) -> Table:
    table = Table(title=f"{READERS} readers of the API at once, DuckDB", title_justify="left")
    for heading in ("questions", "answers", "a second", "p50 ms", "p95 ms", "p99 ms", "longest ms", "failed"):
        table.add_column(heading, justify="left" if heading == "questions" else "right")
    for one in readers(root):
        waits = [f"{one.at(share) * 1000:,.0f}" for share in (0.5, 0.95, 0.99)]
        count = len(one.waits)
        longest = f"{max(one.waits) * 1000:,.0f}"
        table.add_row(one.name, f"{count:,}", f"{count / one.seconds:,.0f}", *waits, longest, str(len(one.failures)))
    return table


def _marts(bench: Bench) -> Table:
    """Marts and ledgers of both systems in full, then one more delivered day: landed and built."""
    world = bench.world
    _forget(bench)
    figures = []
    if world.bills:
        figures.append(_over_http(bench, "land bills over HTTP"))
    settings = {"SMART_METERS_READINGS": str(world.readings), "SMART_METERS_DATABASE": str(world.database)}
    landing = ["-m", "ingestion", "land", "smart_meters"]
    figures.append(bench.run("land half-hours", landing, world.half_hours, **settings))
    figures.append(bench.dbt("build all marts", "*", world.half_hours + world.bills))
    figures.append(bench.dbt("build metering, nothing new", METERING, 0))
    day = bench.folder / "new_day"
    made = ["-m", "simulator", "day", NEW_DAY.isoformat(), "--out", str(day), "--world", str(world.made)]
    measured("new day", [sys.executable, *made], rows=0, env=bench.env, log=bench.folder / "output.log")
    new_rows = 48 * len(list(day.glob("*.json")))
    figures.append(bench.run("land one new day", landing, new_rows, SMART_METERS_READINGS=str(day)))
    figures.append(bench.dbt("build metering, one new day", METERING, new_rows))
    return _table(f"\nMarts of {world.half_hours:,} half-hours and {world.bills:,} bills on {bench.engine}", figures)


@contextmanager
def _server(engine: str) -> Iterator[tuple[dict[str, str], int | None]]:
    """PG* of the server that the environment names, or of one of our own; its process id where it is ours to watch."""
    if engine == "duckdb":
        yield {}, None
        return
    if os.environ.get("PGHOST"):
        yield {name: value for name, value in os.environ.items() if name.startswith("PG")}, None
        return
    from tests.postgres_server import execute, postgres_server

    with postgres_server() as settings:
        folder = execute(settings, "show data_directory")[0][0]
        yield settings, int((Path(folder) / "postmaster.pid").read_text().split()[0])


@app.command()
def main(
    bills: Annotated[int, typer.Option(help="Bills to land.")] = 451_691,
    half_hours: Annotated[int, typer.Option(help="About so many half-hours.")] = 10_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the compared landings; medians are printed.")] = 3,
    engines: Annotated[str, typer.Option(help="Which engines, with commas between.")] = "duckdb,postgres",
    parts: Annotated[
        str, typer.Option(help="Of landing, marts, water, detectors, readers.")
    ] = "landing,marts,water,detectors,readers",
    seeds: Annotated[str, typer.Option(help="Seeds of the worlds for the detectors.")] = ",".join(
        map(str, detectors.SEEDS)
    ),
    keep_trials: Annotated[
        bool, typer.Option("--keep-trials", help="Write what the detectors scored into dbt's seed detector_trials.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where worlds are kept and warehouses made.")] = ROOT / "data" / "bench",
) -> None:
    """Measure, and print the tables. 100 million: --half-hours 100000000 --bills 300 --parts marts --engines duckdb."""
    wanted = set(parts.split(","))
    # Water has files of its own.
    world = prepared(folder, bills, half_hours) if wanted & {"landing", "marts"} else World(folder, 0, 0)
    tables = _detectors(folder, [int(seed) for seed in seeds.split(",")], keep_trials) if "detectors" in wanted else []
    if "readers" in wanted:
        tables.append(_readers(folder))
    for name in engines.split(",") if wanted - {"detectors", "readers"} else ():
        with _server(name) as (server, pid):
            bench = Bench(name, world, folder / "work" / name, server, pid)
            if "landing" in wanted:
                tables += [_landing(bench, "bills", rounds), _landing(bench, "reads", rounds)]
            if "marts" in wanted:
                tables.append(_marts(bench))
            if "water" in wanted:
                tables.append(_water(bench, folder))
            _forget(bench)
    for table in tables:
        console.print(table)
    console.print(
        "[dim]CPU: client and server together. x: a row, against the limit. Peak: the largest client process."
    )


if __name__ == "__main__":
    app()
