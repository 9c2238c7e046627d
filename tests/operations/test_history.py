"""Backups, restores and drills are on record, also in the warehouse that was restored."""

from __future__ import annotations

import os
import subprocess
import sys

from ingestion.settings import ROOT
from tests.operations.commands import apply_roles, as_role, operate
from tests.operations.small_house import SmallHouse
from tests.operations.test_backup import CHANGED, emptied
from tests.postgres_server import execute

FOUND = (
    "select kind, subject, status, code, row_count from ledger.operation_runs "
    "where kind <> 'publication' order by started_at"
)


def rows_of(house: SmallHouse) -> int:
    """Rows of all tables, counted here."""
    tables = house.warehouse.query(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema in ('raw', 'staging', 'intermediate', 'marts', 'ledger', 'published')"
    )
    names = [f'{schema}."{table}"' for schema, table in tables]
    return sum(int(house.warehouse.query(f"select count(*) from {name}")[0][0]) for name in names)


def test_a_backup_and_the_drill_are_on_record(small_house: SmallHouse) -> None:
    name = "warehouse.duckdb" if small_house.engine == "duckdb" else small_house.warehouse.env["PGDATABASE"]
    rows = rows_of(small_house)
    backup = small_house.backup()
    small_house.operate("drill")
    found = small_house.warehouse.query(FOUND)
    # The record of the backup that is under way is a row of it too.
    assert found[0] == ("backup", backup.name, "ok", None, rows + 1)
    kind, subject, status, code, compared = found[1]
    assert (kind, subject, status, code) == ("drill", name, "ok", None)
    assert compared >= rows + 2
    assert len(found) == 2, "what a drill backs up and restores is the drill's"


def test_a_restored_house_remembers_its_backup_and_its_restore(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    rows = small_house.warehouse.query("select row_count from ledger.operation_runs where kind = 'backup'")[0][0]
    emptied(small_house)
    small_house.operate("restore", str(backup))
    expected = [("backup", backup.name, "ok", None, rows), ("restore", backup.name, "ok", None, rows)]
    assert small_house.warehouse.query(FOUND) == expected
    backwards = "select count(*) from ledger.operation_runs where finished_at < started_at"
    assert small_house.warehouse.query(backwards) == [(0,)]
    # Another one over it is on record as well, and the drill of what came back.
    small_house.operate("restore", str(backup), "--replace")
    assert small_house.warehouse.query(FOUND) == expected
    small_house.operate("drill")
    assert [(row[0], row[2]) for row in small_house.warehouse.query(FOUND)][2:] == [("drill", "ok")]


def test_what_failed_is_on_record_with_its_reason(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    small_house.operate("restore", str(backup), code=1)
    command = [sys.executable, "-c", CHANGED]
    assert subprocess.run(command, cwd=ROOT, env={**os.environ, **small_house.env}, capture_output=True).returncode == 1
    (backup / "lake.csv").unlink()
    small_house.operate("restore", str(backup), "--replace", code=1)
    found = small_house.warehouse.query(FOUND)
    assert [(kind, status, code) for kind, _, status, code, _ in found[1:]] == [
        ("restore", "failed", "RESTORE_NOT_EMPTY"),
        ("drill", "failed", "DRILL_DIFFERS"),
        ("restore", "failed", "BACKUP_DAMAGED"),
    ]
    messages = small_house.warehouse.query("select message from ledger.operation_runs where message is not null")
    assert [text for (text,) in messages if str(small_house.folder) in str(text)] == []


BUSY = """
import sys
import ingestion.locking
from ingestion.warehouse import WarehouseSettings
with ingestion.locking.locked_warehouse():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_backup_that_found_the_house_busy_says_so(small_house: SmallHouse) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", BUSY], cwd=ROOT, env={**os.environ, **small_house.env}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == "held\n"
    said = small_house.operate("backup", code=75).stderr
    holder.communicate("")
    assert said.startswith("BUSY_")
    if small_house.engine == "duckdb":  # the file is the holder's: the exit code is all there is
        assert "warning: how this backup ended is not in ledger.operation_runs" in said
    else:
        assert small_house.warehouse.query(FOUND)[-1][2:4] == ("busy", "BUSY_LOCK")


def test_the_record_of_an_administrator_belongs_to_the_ledgers_owner(postgres_house: SmallHouse) -> None:
    house = postgres_house
    apply_roles(house.warehouse.env)
    house.backup()
    owner = "select relowner::regrole::text from pg_class where oid = 'ledger.operation_runs'::regclass"
    assert execute(house.warehouse.env, owner) == [("meterhouse_transformer",)]
    # Who builds and publishes writes into the same table, and security looks at it.
    transformer = as_role(house.warehouse.env, "transformer")
    env = {**os.environ, **house.env, **transformer}
    done = subprocess.run(
        [sys.executable, "-m", "publishing"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    kinds = execute(
        as_role(house.warehouse.env, "security"), "select kind from ledger.operation_runs order by started_at"
    )
    assert kinds == [("publication",), ("backup",), ("publication",)]


def test_who_may_not_record_is_warned_and_no_more(postgres_house: SmallHouse) -> None:
    """A loader owns what it restores from and nothing of the ledger."""
    house = postgres_house
    apply_roles(house.warehouse.env)
    backup = house.backup()
    code = (
        "from publishing.records import recorded\nwith recorded('backup', 'house', print):\n    pass\nprint('went on')"
    )
    before = house.warehouse.query(FOUND)
    for role in ("loader", "reader"):
        env = {**os.environ, **house.env, **as_role(house.warehouse.env, role)}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        warning, went_on = done.stdout.splitlines()
        assert warning.startswith("warning: how this backup ended is not in ledger.operation_runs: permission denied")
        assert went_on == "went on"
    assert house.warehouse.query(FOUND) == before
    assert operate(house.env, "backups").stdout.count("good, postgres") == 1, backup
