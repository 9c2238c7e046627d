"""Backup and restore on both engines: what comes back is what was there; a bad backup never passes for a good one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.settings import ROOT
from tests.conftest import TestWarehouse
from tests.ingestion.house import PEOPLE
from tests.operations.small_house import SmallHouse, small_house_in
from tests.postgres_server import connect, execute
from tests.publishing.conftest import made_build


def emptied(house: SmallHouse) -> None:
    """The warehouse is gone, with its key and its published copy; backups and lake stay."""
    (house.data / "pseudonym.key").unlink()
    if house.engine == "duckdb":
        for path in house.folder.glob("*.duckdb*"):
            path.unlink()
    else:
        for schema in ("raw", "staging", "marts", "ledger", "published"):
            execute(house.warehouse.env, f"drop schema {schema} cascade")


def test_what_is_restored_is_what_was_backed_up_and_landing_goes_on(small_house: SmallHouse) -> None:
    before, key = small_house.content(), (small_house.data / "pseudonym.key").read_bytes()
    assert len(before["raw.fake_readings"]) == 2 and len(before["published"]) == 400
    backup = small_house.backup()
    emptied(small_house)
    said = small_house.operate("restore", str(backup)).stdout
    assert "Restored" in said and "kept" not in said
    assert small_house.content() == before
    assert (small_house.data / "pseudonym.key").read_bytes() == key
    assert stat.S_IMODE((small_house.data / "pseudonym.key").stat().st_mode) == 0o600
    assert "Nothing new" in small_house.land()
    # Landing goes on where it was: the same person gets the same pseudonym.
    small_house.landing.deliver("q", [("2", "Ada Müller", "again")], PEOPLE, "fake_people")
    small_house.land()
    assert small_house.warehouse.query(
        "select count(distinct pseudonym) from raw.pseudonyms where original = 'Ada Müller'"
    ) == [(1,)]
    assert len(small_house.content()["raw.fake_people"]) == 2
    made_build(small_house.warehouse, 2)
    small_house.publish()


def test_a_backup_says_what_it_is(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    manifest = json.loads((backup / "manifest.json").read_text())
    name = "warehouse.duckdb" if small_house.engine == "duckdb" else "warehouse.dump"
    expected = {name, "pseudonym.key", "lake.csv"} | ({"published.duckdb"} if small_house.engine == "duckdb" else set())
    assert {part["name"] for part in manifest["parts"]} == expected
    assert {path.name for path in backup.iterdir()} == expected | {"manifest.json"}
    assert [part["name"] for part in manifest["parts"] if part["secret"]] == ["pseudonym.key"]
    assert manifest["engine"] == small_house.engine
    assert manifest["tables"]["raw.fake_readings"] == 2
    assert manifest["lake"] | {"bytes": 0} == {
        "url": str(small_house.data / "lake"), "files": 2, "bytes": 0, "copied": False, "missing": 0,
    }  # fmt: skip
    assert small_house.engine in "".join(manifest["versions"])
    text = (backup / "manifest.json").read_text()
    assert small_house.warehouse.env.get("PGPASSWORD", "no password") not in text
    assert (small_house.data / "pseudonym.key").read_text().strip() not in text
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert {stat.S_IMODE((backup / part).stat().st_mode) for part in expected - {"lake.csv"}} == {0o600}


def test_a_target_that_holds_something_is_refused_and_as_it_was(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    small_house.landing.deliver("b", [("m2", "2026-01-02T00:00:00Z", "9")])
    small_house.land()
    before = small_house.content()
    refused = small_house.operate("restore", str(backup), code=1)
    assert refused.stderr.startswith("RESTORE_NOT_EMPTY: ")
    assert small_house.content() == before


def test_when_told_the_target_is_replaced_and_kept_aside(small_house: SmallHouse) -> None:
    backup, before = small_house.backup(), small_house.content()
    small_house.landing.deliver("b", [("m2", "2026-01-02T00:00:00Z", "9")])
    small_house.land()
    # Something that the backup does not know, such as a model that came later.
    small_house.warehouse.query("create table marts.newer as select 1 as x")
    said = small_house.operate("restore", str(backup), "--replace").stdout
    assert small_house.content() == before
    assert "newer" not in str(small_house.warehouse.query("select table_name from information_schema.tables"))
    kept = [line.split("kept: ")[1] for line in said.splitlines() if "kept: " in line]
    if small_house.engine == "duckdb":
        path = next(name for name in kept if "warehouse.replaced-" in name)
        aside = TestWarehouse("duckdb", {"WAREHOUSE_PATH": path})
    else:
        aside = TestWarehouse(
            "postgres", {**small_house.warehouse.env, "PGDATABASE": kept[0].removeprefix("database ")}
        )
    assert aside.query("select count(*) from raw.fake_readings") == [(3,)]
    assert aside.query("select x from marts.newer") == [(1,)]
    # The file that came later was never landed here: it lands now.
    small_house.land()
    assert len(small_house.content()["raw.fake_readings"]) == 3
    if small_house.engine == "postgres":
        execute(small_house.warehouse.env, f"drop database {kept[0].removeprefix('database ')}")


@pytest.mark.parametrize("part", ["the warehouse", "pseudonym.key", "lake.csv", "manifest.json"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(small_house: SmallHouse, part: str) -> None:
    backup, before = small_house.backup(), small_house.content()
    name = {"the warehouse": "warehouse.duckdb" if small_house.engine == "duckdb" else "warehouse.dump"}.get(part, part)
    content = bytearray((backup / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (backup / name).write_bytes(content)
    refused = small_house.operate("restore", str(backup), "--replace", code=1)
    assert refused.stderr.startswith("BACKUP_DAMAGED: ")
    assert name in refused.stderr
    assert small_house.content() == before
    listed = small_house.operate("backups", code=1).stdout
    assert "not good: BACKUP_DAMAGED" in listed and "There is no good backup here." in listed


def test_a_part_that_is_missing_or_cut_short_is_refused(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    name = "warehouse.duckdb" if small_house.engine == "duckdb" else "warehouse.dump"
    os.truncate(backup / name, (backup / name).stat().st_size - 1)
    assert "BACKUP_DAMAGED" in small_house.operate("restore", str(backup), "--replace", code=1).stderr
    (backup / name).unlink()
    assert f"{name} is missing" in small_house.operate("restore", str(backup), "--replace", code=1).stderr
    (backup / "manifest.json").unlink()
    assert "BACKUP_MISSING" in small_house.operate("restore", str(backup), "--replace", code=1).stderr


SLOW = """
import sys, time
import operations.backup
from operations.__main__ import run
def slow(*arguments):
    print("under way", flush=True)
    time.sleep(100)
operations.backup.note = slow
sys.argv = ["operations", "backup"]
sys.exit(run())
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_backup_is_not_taken_for_a_good_one(small_house: SmallHouse, ending: signal.Signals) -> None:
    good, before = small_house.backup(), small_house.content()
    env = {**os.environ, **small_house.env}
    process = subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "under way\n"
    process.send_signal(ending)
    process.wait(30)
    process.stdout.close()
    left = [path for path in small_house.backups.iterdir() if path != good]
    # Told to stop, it clears away; killed, it cannot.
    assert [path.name.startswith(".making-") for path in left] == ([True] if ending == signal.SIGKILL else [])
    listed = small_house.operate("backups").stdout.splitlines()
    assert f"{good}  good, {small_house.engine} of " in listed[0]
    assert [line for line in listed[1:] if "not good: BACKUP_INTERRUPTED" not in line] == []
    assert len(listed) == 1 + len(left)
    for path in left:
        assert "BACKUP_INTERRUPTED" in small_house.operate("restore", str(path), "--replace", code=1).stderr
    assert small_house.content() == before
    assert "Nothing new" in small_house.land()


STOPPED = """
import os, sys
import operations.restore
from operations.__main__ import run
name = sys.argv.pop(1)
def die(*arguments, **keywords):
    os.kill(os.getpid(), 9)
setattr(operations.restore, name, die)
sys.exit(run())
"""


@pytest.mark.parametrize("at", ["_check", "_first", "_swap"])
def test_a_killed_restore_leaves_the_target_as_it_was_and_can_be_repeated(small_house: SmallHouse, at: str) -> None:
    backup, restored = small_house.backup(), small_house.content()
    small_house.landing.deliver("b", [("m2", "2026-01-02T00:00:00Z", "9")])
    small_house.land()
    before = small_house.content()
    name = at if at != "_swap" else ("_swap_file" if small_house.engine == "duckdb" else "_swap_database")
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, name, "restore", str(backup), "--replace"],
        cwd=ROOT,
        env={**os.environ, **small_house.env},
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == -signal.SIGKILL
    assert small_house.content() == before
    small_house.operate("restore", str(backup), "--replace")
    assert small_house.content() == restored
    leftovers = list(small_house.folder.glob("*restoring*"))
    if small_house.engine == "postgres":
        leftovers += execute(
            small_house.warehouse.env, "select datname from pg_database where datname like '%restoring%'"
        )
    assert leftovers == []
    if small_house.engine == "postgres":
        for (name,) in execute(
            small_house.warehouse.env, "select datname from pg_database where datname like '%replaced%'"
        ):
            execute(small_house.warehouse.env, f"drop database {name}")


HOLD = """
import sys
from ingestion.locking import locked_warehouse
with locked_warehouse():
    print("held", flush=True)
    sys.stdin.read()
"""
OPEN = """
import duckdb, os, sys
connection = duckdb.connect(os.environ["WAREHOUSE_PATH"])
print("held", flush=True)
sys.stdin.read()
"""


def test_while_a_landing_holds_the_lock_no_backup_is_made(small_house: SmallHouse) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env={**os.environ, **small_house.env}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
    refused = small_house.operate("backup", code=75)
    assert "BUSY" in refused.stderr
    process.stdin.close()
    process.wait(30)
    process.stdout.close()
    assert not small_house.backups.exists() or list(small_house.backups.iterdir()) == []
    small_house.backup()


def test_a_restore_is_refused_while_somebody_uses_the_target(small_house: SmallHouse) -> None:
    backup, before = small_house.backup(), small_house.content()
    if small_house.engine == "duckdb":
        process = subprocess.Popen(
            [sys.executable, "-c", OPEN], env={**os.environ, **small_house.env}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
        refused = small_house.operate("restore", str(backup), "--replace", code=75)
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
    else:
        analyst = connect(small_house.warehouse.env)
        refused = small_house.operate("restore", str(backup), "--replace", code=75)
        analyst.close()
    assert refused.stderr.startswith("BUSY_WAREHOUSE: ")
    assert small_house.content() == before


def test_another_pseudonym_key_is_refused(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    emptied(small_house)
    refused = small_house.operate("restore", str(backup), code=1, PSEUDONYM_KEY="00112233445566778899aabbccddeeff")
    assert refused.stderr.startswith("RESTORE_KEY: PSEUDONYM_KEY is not the key of the backup")
    (small_house.data / "pseudonym.key").write_text("00112233445566778899aabbccddeeff\n")
    refused = small_house.operate("restore", str(backup), code=1)
    assert refused.stderr.startswith("RESTORE_KEY: ")
    small_house.operate("restore", str(backup), "--replace")
    assert (small_house.data / "pseudonym.key").read_bytes() == (backup / "pseudonym.key").read_bytes()
    (kept,) = small_house.data.glob("pseudonym.key.replaced-*")
    assert kept.read_text() == "00112233445566778899aabbccddeeff\n"


def test_the_key_of_the_environment_is_backed_up_too(small_house: SmallHouse) -> None:
    said = small_house.operate("backup", PSEUDONYM_KEY="ffeeddccbbaa99887766554433221100").stdout
    assert "ffeeddcc" not in said
    assert (Path(said.splitlines()[-1]) / "pseudonym.key").read_text() == "ffeeddccbbaa99887766554433221100\n"


def test_with_the_lake_its_files_come_back_too(small_house: SmallHouse) -> None:
    lake = small_house.data / "lake"
    before = {path.relative_to(lake): path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    assert len(before) == 2
    backup = small_house.backup("--with-lake")
    shutil.rmtree(lake)
    emptied(small_house)
    said = small_house.operate("restore", str(backup)).stdout
    assert "2 files were put back into the lake" in said
    assert {path.relative_to(lake): path.read_bytes() for path in lake.rglob("*") if path.is_file()} == before
    assert "Nothing new" in small_house.land()


def test_a_damaged_file_of_the_copied_lake_is_found(small_house: SmallHouse) -> None:
    backup = small_house.backup("--with-lake")
    path = next(path for path in (backup / "lake").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[::-1])
    assert path.name in small_house.operate("restore", str(backup), "--replace", code=1).stderr


def test_a_lake_that_lacks_files_is_said(small_house: SmallHouse) -> None:
    path = next(path for path in (small_house.data / "lake").rglob("*") if path.is_file())
    by_reference = small_house.backup()
    path.unlink()
    assert "1 files that were landed are not in the lake" in small_house.operate("backup").stdout
    emptied(small_house)
    assert "lacks 1 of the 2 files that the backup lists" in small_house.operate("restore", str(by_reference)).stdout


def test_a_warehouse_in_which_nothing_landed_has_no_backup(warehouse: TestWarehouse, tmp_path: Path) -> None:
    house = small_house_in(warehouse, tmp_path)
    assert house.operate("backup", code=1).stderr.startswith("NOTHING_LANDED: ")
    assert not (tmp_path / "warehouse.duckdb").exists()
    if house.engine == "postgres":
        assert execute(warehouse.env, "select 1 from pg_namespace where nspname = 'raw'") == []


def test_the_other_engine_is_refused(small_house: SmallHouse) -> None:
    backup = small_house.backup()
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["engine"] = "duckdb" if small_house.engine == "postgres" else "postgres"
    (backup / "manifest.json").write_text(json.dumps(manifest))
    assert small_house.operate("restore", str(backup), code=1).stderr.startswith("RESTORE_ENGINE: ")


# One engine's own ---------------------------------------------------------------------------------------------------


def test_a_damaged_duckdb_file_is_replaced_and_its_log_kept_aside(duckdb_house: SmallHouse, tmp_path: Path) -> None:
    house = duckdb_house
    backup, before = house.backup(), house.content()
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"\0" * 20_000)
    path.with_name("warehouse.duckdb.wal").write_bytes(b"not a log")
    assert house.operate("restore", str(backup), code=1).stderr.startswith("RESTORE_NOT_EMPTY: ")
    said = house.operate("restore", str(backup), "--replace").stdout
    assert "duckdb.wal" in said
    assert house.content() == before


def test_a_warehouse_that_was_killed_is_backed_up_with_its_log(duckdb_house: SmallHouse, tmp_path: Path) -> None:
    house = duckdb_house
    killed = (
        "import duckdb, os\nc = duckdb.connect(os.environ['WAREHOUSE_PATH'])\n"
        "c.execute('create table marts.last_words as select 7 as x')\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed], env={**os.environ, **house.env}, check=False)
    assert (tmp_path / "warehouse.duckdb.wal").stat().st_size > 0
    backup = house.backup()
    emptied(house)
    house.operate("restore", str(backup))
    assert house.warehouse.query("select x from marts.last_words") == [(7,)]


def test_nobody_can_write_while_the_duckdb_file_is_copied(duckdb_house: SmallHouse) -> None:
    """A process that closes any handle of the file gives up DuckDB's lock on it: none is closed before the end."""
    env = {**os.environ, **duckdb_house.env}
    process = subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "under way\n"
    other = subprocess.run([sys.executable, "-c", OPEN], env=env, input="", capture_output=True, text=True)
    process.terminate()
    process.wait(30)
    process.stdout.close()
    assert other.returncode == 1
    assert "Could not set lock on file" in other.stderr


def test_an_older_pg_dump_is_never_used(postgres_house: SmallHouse, tmp_path: Path) -> None:
    house = postgres_house
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")
        (folder / name).chmod(0o755)
    refused = house.operate("backup", code=2, METERHOUSE_POSTGRES_BIN=str(folder))
    assert refused.stderr.startswith("CONFIG_POSTGRES_BIN: pg_dump of PostgreSQL ")
    assert "pg_dump is 9.6.24" in refused.stderr
    backup = house.backup()
    refused = house.operate("restore", str(backup), "--replace", code=2, METERHOUSE_POSTGRES_BIN=str(folder))
    assert "pg_restore is 9.6.24" in refused.stderr


def test_an_older_server_is_refused(postgres_house: SmallHouse, tmp_path: Path) -> None:
    house = postgres_house
    backup = house.backup()
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["versions"]["postgres"] = "99.1"
    (backup / "manifest.json").write_text(json.dumps(manifest))
    assert house.operate("restore", str(backup), "--replace", code=1).stderr.startswith("RESTORE_VERSION: ")


def test_a_database_that_does_not_exist_is_made(postgres_house: SmallHouse, tmp_path: Path) -> None:
    house, postgres = postgres_house, postgres_house.warehouse.env
    backup, before = house.backup(), house.content()
    elsewhere = {**house.warehouse.env, "PGDATABASE": f"{postgres['PGDATABASE']}_elsewhere"}
    house.operate("restore", str(backup), PGDATABASE=elsewhere["PGDATABASE"])
    other = SmallHouse(TestWarehouse("postgres", elsewhere), house.landing, tmp_path)
    try:
        assert other.content() == before
    finally:
        execute(postgres, f"drop database {elsewhere['PGDATABASE']}")


def test_roles_that_the_server_lacks_are_named(postgres_house: SmallHouse, tmp_path: Path) -> None:
    house, postgres = postgres_house, postgres_house.warehouse.env
    execute(postgres, "create role guest_of_tests")
    execute(postgres, "grant select on marts.dim_products to guest_of_tests")
    backup = house.backup()
    execute(postgres, "drop owned by guest_of_tests")
    execute(postgres, "drop role guest_of_tests")
    refused = house.operate("restore", str(backup), "--replace", code=1)
    assert refused.stderr.startswith("RESTORE_ROLES: the server has no role guest_of_tests")


def test_a_dump_that_cannot_be_restored_changes_nothing(postgres_house: SmallHouse, tmp_path: Path) -> None:
    """What a hash cannot tell: it is whole, and does not fit."""
    import hashlib

    house, postgres = postgres_house, postgres_house.warehouse.env
    backup, before = house.backup(), house.content()
    (backup / "warehouse.dump").write_bytes(b"PGDMP but no more than that")
    manifest = json.loads((backup / "manifest.json").read_text())
    for part in manifest["parts"]:
        if part["name"] == "warehouse.dump":
            part["bytes"] = (backup / "warehouse.dump").stat().st_size
            part["sha256"] = hashlib.sha256((backup / "warehouse.dump").read_bytes()).hexdigest()
    (backup / "manifest.json").write_text(json.dumps(manifest))
    assert house.operate("restore", str(backup), "--replace", code=1).stderr.startswith("PROGRAM_FAILED: pg_restore")
    assert house.content() == before
    assert execute(postgres, "select datname from pg_database where datname like '%restoring%'") == []


def test_a_restore_that_brings_other_rows_is_not_put_in_place(small_house: SmallHouse) -> None:
    backup, before = small_house.backup(), small_house.content()
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["tables"]["raw.fake_readings"] = 3
    (backup / "manifest.json").write_text(json.dumps(manifest))
    refused = small_house.operate("restore", str(backup), "--replace", code=1)
    assert "RESTORE_DIFFERS: 1 tables have other rows than were backed up, first raw.fake_readings: 2" in refused.stderr
    assert small_house.content() == before


def test_the_drill_says_equal_and_leaves_nothing_behind(small_house: SmallHouse) -> None:
    before = small_house.content()
    said = small_house.operate("drill").stdout
    assert "The restored warehouse is equal: " in said and "(2 marts)" in said
    assert small_house.content() == before
    assert [path.name for path in small_house.data.iterdir() if "drill" in path.name] == []
    if small_house.engine == "postgres":
        assert execute(small_house.warehouse.env, "select datname from pg_database where datname like '%drill%'") == []


CHANGED = """
import sys
import operations.drill as drill
from operations.__main__ import run
before = drill.restore
def restore_and_change(folder, settings, landing):
    from ingestion.warehouse import open_warehouse
    done = before(folder, settings, landing)
    warehouse = open_warehouse(settings)
    warehouse.rows("update marts.monthly_billing set amount_cad = 1.11 where i = 400")
    warehouse.close()
    return done
drill.restore = restore_and_change
sys.argv = ["operations", "drill"]
sys.exit(run())
"""


def test_the_drill_finds_one_value_that_differs(small_house: SmallHouse) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHANGED], cwd=ROOT, env={**os.environ, **small_house.env}, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The restored warehouse differs in 1 of" in done.stdout
    assert "marts.monthly_billing: 400 rows, restored 400 rows" in done.stdout
