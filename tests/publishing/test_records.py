"""Publications are on record, whatever came of them; a record that cannot be written stops nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.errors import WarehouseError
from ingestion.settings import ROOT
from publishing import records
from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.publishing.conftest import made_build, published

FOUND = "select kind, subject, status, code, row_count from ledger.operation_runs order by started_at"


def publishing(warehouse: TestWarehouse, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "publishing", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **warehouse.env}, capture_output=True, text=True, timeout=100
    )


def test_each_publication_has_its_row(warehouse: TestWarehouse) -> None:
    name = "published.duckdb" if warehouse.engine == "duckdb" else "published"
    made_build(warehouse, 1)
    for _ in range(2):
        assert publishing(warehouse).returncode == 0
    made_build(warehouse, 2, failures=3)
    assert publishing(warehouse).returncode == 1
    # Two marts and a ledger of 400 rows each.
    assert warehouse.query(FOUND) == [
        ("publication", name, "ok", None, 1200),
        ("publication", name, "unchanged", None, None),
        ("publication", name, "failed", "BUILD_NOT_PASSED", None),
    ]
    assert warehouse.query(
        "select count(*) from ledger.operation_runs where finished_at >= started_at and dbt_version is null"
    ) == [(3,)]


def test_a_record_is_not_published(warehouse: TestWarehouse) -> None:
    """Readers get it through load_history; the table itself stays in the warehouse."""
    made_build(warehouse, 1)
    for arguments in ((), ("--force",)):
        assert publishing(warehouse, *arguments).returncode == 0
    where = "published" if warehouse.engine == "postgres" else "ledger"
    tables = published(warehouse, f"select table_name from information_schema.tables where table_schema = '{where}'")
    assert ("load_history",) in tables
    assert ("operation_runs",) not in tables


KILLED = """
import os, signal
from publishing.records import recorded
with recorded("publication", "published", print):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_was_killed_is_on_record_without_an_end(warehouse: TestWarehouse) -> None:
    made_build(warehouse, 1)
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env={**os.environ, **warehouse.env}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert warehouse.query("select kind, status, finished_at from ledger.operation_runs") == [
        ("publication", None, None)
    ]


def test_what_is_raised_is_recorded_and_goes_on_its_way(pointed: TestWarehouse) -> None:
    made_build(pointed, 1)
    said: list[str] = []
    with pytest.raises(WarehouseError, match="X_Y"), records.recorded("backup", "house", said.append):
        raise WarehouseError("X_Y", "it's in /var/lib/house/it.duckdb; see s3://bucket/a/b and /etc/x")
    with pytest.raises(KeyboardInterrupt), records.recorded("drill", "house", said.append):
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), records.recorded("restore", "house", said.append):
        raise ZeroDivisionError("of a person")
    found = pointed.query("select kind, status, code, message from ledger.operation_runs order by started_at")
    assert found == [
        # The machine's folders are no reader's business.
        ("backup", "failed", "X_Y", "it's in it.duckdb; see s3://bucket/a/b and x"),
        ("drill", "failed", "STOPPED", "it was told to stop"),
        ("restore", "failed", "UNEXPECTED", "ZeroDivisionError"),
    ]
    assert said == []


def test_an_empty_warehouse_stays_empty(pointed: TestWarehouse) -> None:
    said: list[str] = []
    with records.recorded("restore", "house", said.append):
        pass
    if pointed.engine == "duckdb":
        assert not Path(pointed.env["WAREHOUSE_PATH"]).exists()
    else:
        assert pointed.query("select 1 from pg_namespace where nspname = 'ledger'") == []
    assert said == []


HOLD = """
import duckdb, os, sys
connection = duckdb.connect(os.environ["WAREHOUSE_PATH"])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_somebody_holds_costs_the_record_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    made_build(warehouse, 1)
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.5)
    said: list[str] = []
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with records.recorded("backup", "house", said.append):
        result = "made"
    holder.communicate("")
    assert result == "made"
    (warning,) = said
    assert warning.startswith("warning: how this backup ended is not in ledger.operation_runs: BUSY_WAREHOUSE: ")
    # Set free before the end, it takes the whole row, although the beginning could not be written.
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with records.recorded("backup", "house", said.append):
        holder.communicate("")
    assert warehouse.query("select kind, status from ledger.operation_runs") == [("backup", "ok")]
    assert len(said) == 1
