"""The warehouse is away, full, read-only or cut off: a clear error, no secret in it, and the next run lands all."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.errors import LandingError
from tests.conftest import duckdb_warehouse, postgres_warehouse
from tests.ingestion.house import CLI, KEY, PEOPLE, House
from tests.postgres_server import connect, execute


@pytest.fixture
def postgres_house(postgres: dict[str, str], tmp_path: Path) -> House:
    return House(postgres_warehouse(tmp_path, postgres), tmp_path)


def test_a_server_that_is_down_is_named_within_a_minute(postgres_house: House) -> None:
    begin = time.monotonic()
    run = postgres_house.run("land", "fake", PGPORT="1")
    assert (run.returncode, time.monotonic() - begin < 60) == (1, True)
    assert run.stderr.startswith("WAREHOUSE_DOWN: postgres:127.0.0.1:1/")
    assert postgres_house.env["PGPASSWORD"] not in run.stderr + run.stdout


def test_a_wrong_password_is_denied_and_not_shown(postgres_house: House) -> None:
    run = postgres_house.run("land", "fake", PGPASSWORD="wrong-canary")
    assert run.returncode == 1
    assert run.stderr.startswith("DENIED_WAREHOUSE: ") and "PGPASSWORD" in run.stderr
    assert "wrong-canary" not in run.stderr


def test_a_database_that_does_not_exist_is_a_configuration_error(postgres_house: House) -> None:
    run = postgres_house.run("land", "fake", PGDATABASE="nowhere")
    assert run.returncode == 2
    assert "nowhere" in run.stderr


def test_a_read_only_database_is_named(postgres_house: House) -> None:
    name = postgres_house.env["PGDATABASE"]
    execute(postgres_house.env, f"alter database {name} set default_transaction_read_only = on")
    run = postgres_house.run("land", "fake")
    assert run.returncode == 1
    assert run.stderr.startswith("WAREHOUSE_READ_ONLY: ")


def test_a_role_that_has_no_connection_left_is_tried_again_and_named(postgres_house: House) -> None:
    env = postgres_house.env
    role = f"crowded_{env['PGDATABASE']}"
    execute(env, f"create role {role} login password 'crowded-password' connection limit 0")
    try:
        run = postgres_house.run("land", "fake", PGUSER=role, PGPASSWORD="crowded-password")
    finally:
        execute(env, f"drop role {role}")
    assert run.returncode == 1
    assert run.stderr.startswith("WAREHOUSE_DOWN: ") and "too many connections" in run.stderr
    assert "tried 3 times" in run.stderr


def test_a_table_that_another_session_holds_is_not_waited_for_without_end(
    postgres_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_house.deliver("a", [("m1", "t", "1")])
    postgres_house.land()
    postgres_house.deliver("b", [("m2", "t", "2")])
    monkeypatch.setattr("ingestion.warehouse.LOCK_SECONDS", 1)
    other = connect(postgres_house.env)
    other.autocommit = False
    other.cursor().execute("lock table raw.fake_readings in access exclusive mode")
    with pytest.raises(LandingError, match="WAREHOUSE_LOCKED"):
        postgres_house.land()
    other.close()
    postgres_house.land()
    assert sorted(postgres_house.rows()) == [("m1", "t", "1"), ("m2", "t", "2")]


def test_a_role_without_rights_is_told_what_it_needs(postgres_house: House) -> None:
    env = postgres_house.env
    role = f"poor_{env['PGDATABASE']}"
    execute(env, f"create role {role} login password 'poor-password'")
    try:
        run = postgres_house.run("land", "fake", PGUSER=role, PGPASSWORD="poor-password")
    finally:
        execute(env, f"drop role {role}")
    assert run.returncode == 1
    assert run.stderr.startswith("DENIED_WAREHOUSE: ") and "grant" in run.stderr


def test_sessions_cut_off_while_landing_leave_whole_loads_only(postgres_house: House) -> None:
    house, rows = postgres_house, 60_000
    house.deliver("a", [(f"m{number}", "2021-01-01 00:00:00", str(number)) for number in range(rows)])
    assert house.run("land", "fake", FAKE_FOLDER=str(house.folder.parent / "nothing")).returncode == 1
    landing, stop = house.start("land", "fake"), threading.Event()

    def cut() -> None:
        connection = connect(house.env)
        with connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'meterhouse%'"
                    " and datname = current_database() and query ilike 'copy%'"
                )
                time.sleep(0.01)
        connection.close()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        _, errors = landing.communicate(timeout=120)
    finally:
        stop.set()
        cutter.join()
    assert landing.returncode == 1, errors
    assert "m1," not in errors and "COPY" not in errors, "no row of data in an error"
    assert house.env["PGPASSWORD"] not in errors
    completed = "select load_id from raw._dlt_loads where status = 0"
    assert house.warehouse.query(f"select count(*) from raw.fake_readings where _dlt_load_id in ({completed})") == [
        (0,)
    ]
    assert house.run("land", "fake").returncode == 0
    assert house.count("fake_readings") == rows


def test_losing_the_lock_stops_the_landing(postgres_house: House) -> None:
    from ingestion.locking import locked_warehouse

    os.environ.update(postgres_house.env)
    with locked_warehouse() as (_, still_locked):
        still_locked()
        execute(
            postgres_house.env,
            "select pg_terminate_backend(a.pid) from pg_stat_activity a join pg_locks l on l.pid = a.pid "
            "where l.relation = 'raw._landing_lock'::regclass and a.pid <> pg_backend_pid()",
        )
        with pytest.raises(LandingError, match="WAREHOUSE_LOCK_LOST"):
            still_locked()


def test_a_full_disk_is_a_clear_failure_and_the_next_run_lands(tmp_path: Path) -> None:
    house = House(duckdb_warehouse(tmp_path), tmp_path)
    assert house.run("land", "fake").returncode == 0
    size = Path(house.env["WAREHOUSE_PATH"]).stat().st_size
    rows = [(f"m{number * 7919}", os.urandom(12).hex(), str(number)) for number in range(60_000)]
    path = house.deliver("a", rows)
    limit = max(size, path.stat().st_size) + 100_000  # the delivered file still fits into the lake, its rows do not

    def cap() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    full = run_under(house, cap)
    assert full.returncode == 1, full.stderr + "\nthe limit did not bite"
    assert "WAREHOUSE_LOAD" in full.stdout and "File too large" in full.stdout
    assert "Traceback" not in full.stderr
    assert house.run("land", "fake").returncode == 0
    assert house.count("fake_readings") == 60_000


def test_a_full_disk_under_the_lake_is_named_and_nothing_lands(tmp_path: Path) -> None:
    house = House(duckdb_warehouse(tmp_path), tmp_path)
    house.deliver("a", [("m1", "t", "1")])
    assert house.run("land", "fake").returncode == 0
    path = house.deliver("b", [(f"m{number}", "2021-01-01 00:00:00", "1") for number in range(60_000)])
    half = path.stat().st_size // 2
    full = run_under(house, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (half, half)))
    assert full.returncode == 1
    assert "LAKE_WRITE" in full.stdout and "File too large" in full.stdout and "b.json" in full.stdout
    assert house.count("fake_readings") == 1
    assert house.run("land", "fake").returncode == 0
    assert house.count("fake_readings") == 60_001
    keys = {row[0] for row in house.warehouse.query("select lake_key from raw.landed_files")}
    lake = Path(house.env["LAKE_URL"])
    assert {str(one.relative_to(lake)) for one in lake.rglob("*") if one.is_file()} == keys, "no half file is left"


def run_under(house: House, limits: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    """A landing in a process that has set itself limits."""
    return subprocess.run(
        [sys.executable, str(CLI), "land", "fake"],
        env=house.environment(),
        preexec_fn=limits,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_warehouse_file_of_another_duckdb_is_named_and_not_touched(tmp_path: Path) -> None:
    """Its header says version 9999, with a right checksum: all 64-bit words of the block, multiplied and combined."""
    house = House(duckdb_warehouse(tmp_path), tmp_path)
    house.run("land", "fake")
    path = Path(house.env["WAREHOUSE_PATH"])
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 12, 9999)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", content[8:4096]):
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    struct.pack_into("<Q", content, 0, checksum)
    path.write_bytes(content)
    run = house.run("land", "fake")
    assert run.returncode == 2
    assert run.stderr.startswith("CONFIG_DUCKDB_VERSION: ")
    assert path.read_bytes() == content


def test_a_damaged_write_ahead_log_is_named_and_kept(tmp_path: Path) -> None:
    """As after a power cut: dropping the log would lose what was committed, in silence."""
    house = House(duckdb_warehouse(tmp_path), tmp_path)
    house.run("land", "fake")
    path = Path(house.env["WAREHOUSE_PATH"])
    unfinished = (
        f"import duckdb, os; warehouse = duckdb.connect({str(path)!r})\n"
        "for name in ('x', 'y'): warehouse.execute(f'create table raw.{name} as select range as i from range(5000)')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", unfinished], check=True, timeout=60)
    log = path.with_name(path.name + ".wal")
    damaged = bytearray(log.read_bytes())
    damaged[200:260] = bytes(byte ^ 0xFF for byte in damaged[200:260])
    log.write_bytes(damaged)
    run = house.run("land", "fake")
    assert run.returncode == 1
    assert run.stderr.startswith("WAREHOUSE_WAL_REPLAY: ")
    assert log.read_bytes() == damaged


def test_rows_newer_than_every_completed_load_are_swept_and_others_stay(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    house.land()
    for load in ("9999999999.1", "0000000000.1"):
        house.warehouse.query(
            "insert into raw.fake_readings (meterpoint_id, _source_file, _source_row, _dlt_load_id) "
            f"values ('orphan {load}', 'f', 1, '{load}')"
        )
    house.land()
    # An old load without an entry is not ours to judge: landing has never left one, and staging does not read it.
    assert sorted(row[0] for row in house.rows()) == ["m1", "orphan 0000000000.1"]


def test_a_clock_behind_the_last_load_is_refused(house: House) -> None:
    house.land()
    entry = "select '9999999999.1', schema_name, 0, inserted_at, schema_version_hash from raw._dlt_loads limit 1"
    house.warehouse.query(f"insert into raw._dlt_loads {entry}")
    with pytest.raises(LandingError, match="CONFIG_CLOCK"):
        house.land()


def test_no_secret_and_no_person_appears_in_output_or_working_files(house: House) -> None:
    house.deliver("p", [("1", "Canary Person", "x")], PEOPLE, "fake_people")
    house.deliver_bytes("broken", b'{"columns":["person_id","name","note"],"data":[["2","Canary Person"', "fake_people")
    house.deliver_bytes("twice", b'{"data":[["Canary Person"]],"columns":["name"],"data":[]}', "fake_people")
    output = ""
    for crash in ("load.job_committed:2", "load.before_loads_row:3", ""):
        run = house.run("land", "fake", LOG_LEVEL="DEBUG", RUNTIME__LOG_LEVEL="DEBUG", METERHOUSE_CRASH_AT=crash)
        output += run.stdout + run.stderr
        for path in Path(house.env["METERHOUSE_DATA"]).rglob("*"):
            # The lake keeps what was delivered; `run` is private and gone when a run ends, or at the next one's start.
            if path.is_file() and not {"lake", "run"} & set(path.parts):
                output += path.read_text(errors="replace")
    assert "DATA_UNREADABLE" in output
    secrets = ["Canary Person", KEY] + ([house.env["PGPASSWORD"]] if "PGPASSWORD" in house.env else [])
    assert [secret for secret in secrets if secret in output] == []


def test_memory_stays_bounded(house: House) -> None:
    rows = ",".join(f'["m{number % 50}","2021-01-01 00:00:00","{number}"]' for number in range(50_000))
    for number in range(10):
        content = f'{{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[{rows}]}}{" " * number}'
        house.deliver_bytes(f"f{number}", content.encode())
    # From a small process: a child's peak begins at what its parent held when it was started.
    program = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, sys.executable, str(CLI), "land", "fake"],
        env=house.environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert house.count("fake_readings") == 500_000
    assert int(done.stdout.splitlines()[-1]) < 1_000_000, "kilobytes"
