"""Two runs at once: the second waits or says why not; a killed run leaves nothing to unlock (F27, F30 to F32)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion.settings import ROOT
from tests.conftest import duckdb_warehouse
from tests.ingestion.house import House

HOLD = """
import sys
from ingestion.locking import locked_warehouse
with locked_warehouse():
    print("held", flush=True)
    sys.stdin.read()
"""
OPEN = """
import os, sys, duckdb
connection = duckdb.connect(os.environ["WAREHOUSE_PATH"])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(house: House, program: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=house.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdin
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def test_a_second_run_ends_with_75_and_names_the_first(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    with holder(house) as first:
        second = house.run("land", "fake")
    assert second.returncode == 75, second.stderr
    assert second.stderr.startswith("BUSY_LOCK: ")
    assert f"pid {first.pid}" in second.stderr and "since 20" in second.stderr


def test_a_second_run_finds_out_within_a_second(house: House) -> None:
    import os

    from ingestion.errors import BusyError

    os.environ.update(house.env)
    with holder(house):
        from ingestion.locking import locked_warehouse

        begin = time.monotonic()
        with pytest.raises(BusyError), locked_warehouse():
            pass
        assert time.monotonic() - begin < 1


def test_a_run_that_may_wait_lands_when_the_first_has_ended(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    with holder(house) as first:
        second = house.start("land", "fake", "--wait", "60")
        time.sleep(1)
        assert second.poll() is None
        assert first.stdin
        first.stdin.close()
        first.wait(20)
        _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert house.rows() == [("m1", "t", "1")]


def test_a_killed_run_leaves_nothing_to_unlock(house: House) -> None:
    house.deliver("a", [("m1", "t", "1")])
    with holder(house) as first:
        first.kill()
        first.wait(20)
        assert house.run("land", "fake").returncode == 0


def test_another_host_with_another_working_folder_finds_the_same_lock(postgres: dict[str, str], tmp_path: Path) -> None:
    from tests.conftest import postgres_warehouse

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    first, second = (House(postgres_warehouse(folder, postgres), folder) for folder in (here, there))
    with holder(first):
        assert second.run("land", "fake").returncode == 75
    assert second.run("land", "fake").returncode == 0


def test_a_warehouse_file_open_elsewhere_is_busy_and_names_the_process(tmp_path: Path) -> None:
    house = House(duckdb_warehouse(tmp_path), tmp_path)
    with holder(house, OPEN) as other:
        run = house.run("land", "fake")
    assert run.returncode == 75
    assert run.stderr.startswith("BUSY_WAREHOUSE: ") and f"process {other.pid}" in run.stderr
