"""Killed with -9 at any moment and run again: the same rows as an undisturbed run (F01 to F07, F32).

Told to stop (F12, F13), a landing closes its books: nothing half is kept, and the ledger says so.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import duckdb_warehouse, postgres_warehouse
from tests.ingestion.house import PEOPLE, House
from tests.postgres_server import fresh_database

# Passes of a landing: package 1 notes the start, 2 holds the data (two tables and the list of files), 3 the end.
POINTS = [
    "extract.page:2",
    "extract.end:2",
    "normalize.start:2",
    "load.start:2",
    "load.job_start:3",
    "load.job_committed:1",
    "load.job_committed:2",
    "load.job_committed:3",
    "load.job_committed:4",
    "load.before_loads_row:1",
    "load.before_loads_row:2",
    "load.after_loads_row:2",
    "ledger.write:1",
    "load.before_loads_row:3",
    "load.after_loads_row:3",
]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def worn_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One installation for all kills, so that each also starts from what the earlier ones left."""
    folder = tmp_path_factory.mktemp("worn")
    if request.param == "duckdb":
        house = House(duckdb_warehouse(folder), folder)
        assert house.run("land", "fake").returncode == 0
        yield house
        return
    with fresh_database(request.getfixturevalue("postgres_session")) as settings:
        house = House(postgres_warehouse(folder, settings), folder)
        assert house.run("land", "fake").returncode == 0
        yield house


def expected_rows(house: House, table: str) -> list[tuple[str | None, ...]]:
    """All rows ever delivered, from the delivered files themselves."""
    documents = [json.loads(path.read_text()) for path in (house.folder / table).glob("*.json")]
    return sorted((tuple(row) for document in documents for row in document["data"]), key=str)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_landing_run_again_leaves_each_row_once(worn_house: House, point: str) -> None:
    house = worn_house
    before = {table: house.count(table) for table in ("fake_readings", "fake_people", "landed_files")}
    house.deliver(point, [(f"{point} {number}", "t", str(number)) for number in range(30)])
    house.deliver(point, [(f"{point} {number}", f"name {number}", "") for number in range(3)], PEOPLE, "fake_people")

    killed = house.run("land", "fake", METERHOUSE_CRASH_AT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    # Staging reads completed loads only: it sees the old rows, or the old and all the new.
    completed = "select load_id from raw._dlt_loads where status = 0"
    visible = house.warehouse.query(f"select count(*) from raw.fake_readings where _dlt_load_id in ({completed})")[0][0]
    assert visible in (before["fake_readings"], before["fake_readings"] + 30)

    again = house.run("land", "fake")
    assert again.returncode == 0, again.stderr
    assert sorted(house.rows(), key=str) == expected_rows(house, "fake_readings")
    assert sorted(house.rows("fake_people", ", ".join(PEOPLE)), key=str) == expected_rows(house, "fake_people")
    assert house.count("landed_files") == before["landed_files"] + 2
    names = {row[1] for row in expected_rows(house, "fake_people")}
    assert sorted(row[0] for row in house.warehouse.query("select original from raw.pseudonyms")) == sorted(names)
    loads = house.warehouse.query("select count(*), count(distinct load_id) from raw._dlt_loads")
    assert loads[0][0] == loads[0][1]
    assert house.warehouse.query(
        "select count(*) from raw.landing_runs where _dlt_load_id not in (select load_id from raw._dlt_loads)"
    ) == [(0,)]


def test_a_kill_between_the_csv_and_its_copy_leaves_each_row_once(postgres: dict[str, str], tmp_path: Path) -> None:
    house = House(postgres_warehouse(tmp_path, postgres), tmp_path)
    house.deliver("a", [("m1", "t", "1")])
    # The first landing makes every table first: the seventh CSV is that of the readings.
    assert house.run("land", "fake", METERHOUSE_CRASH_AT="load.csv_written:7").returncode == -signal.SIGKILL
    assert house.run("land", "fake").returncode == 0
    assert house.rows() == [("m1", "t", "1")]


def test_the_first_landing_ever_may_be_killed_too(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    for point in ("load.start:1", "load.job_committed:3", "load.before_loads_row:1", "load.before_loads_row:2"):
        assert house.run("land", "fake", METERHOUSE_CRASH_AT=point).returncode == -signal.SIGKILL
    assert house.run("land", "fake").returncode == 0
    assert house.rows() == [("m1", "t", "1")]


def test_a_kill_leaves_a_run_without_an_end_in_the_ledger(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    house.run("land", "fake", METERHOUSE_CRASH_AT="load.before_loads_row:2")
    house.run("land", "fake")
    events = house.warehouse.query('select event from raw.landing_runs order by "at"')
    assert events == [("started",), ("started",), ("finished",)]
    status = house.run("status")
    assert "abandoned" in status.stdout and " ok " in status.stdout


def test_what_was_delivered_after_the_kill_is_what_lands(house: House) -> None:
    house.deliver("a", [("m1", "t", "old")])
    house.run("land", "fake", METERHOUSE_CRASH_AT="load.job_committed:7")
    house.deliver("a", [("m1", "t", "new")])
    assert house.run("land", "fake").returncode == 0
    assert house.rows() == [("m1", "t", "new")]


def test_scratch_files_of_a_killed_run_are_removed_by_the_next(duckdb_house: House) -> None:
    duckdb_house.deliver("a", [("m1", "t", "1")])
    duckdb_house.run("land", "fake", METERHOUSE_CRASH_AT="load.start:2")
    data = Path(duckdb_house.env["METERHOUSE_DATA"])
    assert list((data / "run").iterdir())
    duckdb_house.run("land", "fake")
    assert not list((data / "run").iterdir())


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_landing_that_is_told_to_stop_records_it_and_frees_the_lock(house: House, told: signal.Signals) -> None:
    house.deliver("a", [("m1", "t", "1")])
    # Reading a pipe that nobody writes into: the landing holds its lock and waits.
    pipe = house.folder / "fake_readings" / "b.json"
    os.mkfifo(pipe)
    landing = house.start("land", "fake")
    lake = Path(house.env["LAKE_URL"])
    deadline = time.monotonic() + 60
    while not list(lake.rglob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    landing.send_signal(told)
    _, errors = landing.communicate(timeout=60)
    assert landing.returncode == 1, errors
    assert "CANCELLED: the landing of fake was stopped" in errors and "Traceback" not in errors
    assert house.count("fake_readings") == 0
    assert house.warehouse.query("select status, code from raw.landing_runs where event = 'finished'") == [
        ("failed", "CANCELLED")
    ]
    pipe.unlink()
    assert house.run("land", "fake").returncode == 0
    assert house.rows() == [("m1", "t", "1")]
