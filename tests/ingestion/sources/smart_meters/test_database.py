"""The SQLite file: snapshots of its tables, value by value, and what can be wrong with it (F69 to F72)."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.ingestion.sources.small_landing import SmallLanding
from tests.ingestion.sources.smart_meters.conftest import SCHEMA, change, deliver, split

AGREEMENT = ("agreement_id", "agreement_valid_from", "agreement_valid_to", "product_id", "meterpoint_id", "account_id")


def test_each_table_lands_whole(database: Path, landing: SmallLanding) -> None:
    assert landing.land() == 5
    assert landing.rows("agreements", *AGREEMENT) == [
        ("1", "2020-01-01", "2021-01-01", "p1", "0a", "A-1"),
        ("2", "2021-01-01", None, "p2", "0a", "A-1"),
    ]
    assert landing.rows("products", "display_name", "is_variable", "id", "product_id") == [
        ("Twelve Months Fixed", "0", "39", "p1"),
        ("Flexible", "1", "40", "p2"),
    ]
    assert landing.rows("meterpoints", "region", "meterpoint_id") == [("London", "0a")]


def test_the_lake_keeps_a_copy_that_sqlite_opens(database: Path, landing: SmallLanding) -> None:
    landing.land()
    ((name,),) = set(landing.rows("agreements", "_source_file"))
    with closing(sqlite3.connect(landing.lake_file(name))) as copy:
        assert copy.execute("select count(*) from agreement").fetchone() == (2,)


def test_second_landing_of_the_same_content_lands_nothing(database: Path, landing: SmallLanding) -> None:
    landing.land()
    assert landing.land() == 0
    assert sorted(found.table for found in landing.unchanged) == ["agreements", "meterpoints", "products"]


def test_a_changed_database_is_a_new_snapshot_and_so_is_the_way_back(database: Path, landing: SmallLanding) -> None:
    landing.land()
    before = database.read_bytes()
    change(database, "delete from agreement where agreement_id = 1")
    assert landing.land() == 4
    database.write_bytes(before)
    assert landing.land() == 5
    assert landing.land() == 0


@pytest.mark.parametrize(
    ("value", "landed"),
    [
        ("'007'", "007"),
        ("7", "7"),
        ("9007199254740993", "9007199254740993"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1e300", "1e+300"),
        ("9e999", "inf"),
        ("''", ""),
        ("null", None),
        ("'é🧪 '", "é🧪 "),
        ("'line' || char(13) || char(10)", "line\r\n"),
    ],
)
def test_a_value_lands_as_it_was_stored(value: str, landed: str | None, database: Path, landing: SmallLanding) -> None:
    # A column without a type: SQLite stores what it is given.
    script = f"alter table meterpoint add column extra; update meterpoint set extra = {value}"
    change(database, script)
    landing.land()
    assert landing.rows("meterpoints", "extra") == [(landed,)]


def test_text_in_an_integer_column_lands_as_it_is(database: Path, landing: SmallLanding) -> None:
    change(database, "update agreement set agreement_id = 'abc' where agreement_id = 1")
    landing.land()
    assert landing.rows("agreements", "agreement_id") == [("abc",), ("2",)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("x'00ff'", "DATA_BLOB"),
        ("cast(x'ff41' as text)", "DATA_ENCODING"),
        ("cast(x'410042' as text)", "DATA_NUL_BYTE"),
    ],
)
def test_a_row_that_is_no_text_is_named_and_the_others_land(
    value: str, code: str, database: Path, landing: SmallLanding
) -> None:
    change(database, f"update product set display_name = {value} where product_id = 'p1'")
    assert landing.land() == 4
    (problem,) = landing.problems
    assert (problem.code, problem.table, problem.row, problem.column) == (code, "products", 1, "display_name")
    assert landing.rows("products", "product_id", "_source_row") == [("p2", 1)]


def test_a_database_in_utf_16_is_read_as_text(database: Path, landing: SmallLanding) -> None:
    database.unlink()
    change(database, "pragma encoding = 'UTF-16le';" + SCHEMA)
    change(database, "update meterpoint set region = 'Île 🧪'")
    landing.land()
    assert landing.rows("meterpoints", "region") == [("Île 🧪",)]


def test_a_missing_table_is_named_and_the_others_land(database: Path, landing: SmallLanding) -> None:
    change(database, "alter table product rename to tariff")
    assert landing.land() == 3
    (problem,) = landing.problems
    assert (problem.code, problem.table) == ("DATA_MISSING_TABLE", "products")
    assert "tariff" in problem.message


def test_a_renamed_key_is_named_and_another_column_lands_absent(database: Path, landing: SmallLanding) -> None:
    change(database, "alter table product rename column product_id to code; alter table meterpoint drop column region")
    assert landing.land() == 3
    (problem,) = landing.problems
    assert (problem.code, problem.column) == ("DATA_MISSING_COLUMN", "product_id") and "code" in problem.message
    assert landing.rows("meterpoints", "region", "meterpoint_id") == [(None, "0a")]


def test_an_empty_table_does_not_replace_what_was_unless_said_to_be_right(
    database: Path, landing: SmallLanding
) -> None:
    change(database, "delete from meterpoint")
    assert landing.land() == 4
    assert landing.codes() == ["DATA_EMPTY"]
    assert landing.land({"accept_shrink": "true"}) == 0
    assert landing.codes() == []
    landing.land()
    assert len(landing.unchanged) == 3


def test_a_file_that_does_not_exist_is_not_made(database: Path, landing: SmallLanding, inbox: Path) -> None:
    database.unlink()
    deliver(inbox / "a.json", split([("x", 1, "m")]))
    assert landing.land() == 1
    assert landing.codes() == ["DATA_MISSING_FILE"]
    assert not database.exists()


@pytest.mark.parametrize("damage", ["cut", "page", "text", "empty"])
def test_a_damaged_file_is_named_and_the_readings_land(
    damage: str, database: Path, landing: SmallLanding, inbox: Path
) -> None:
    change(
        database,
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) "
        "insert into meterpoint select 'region', i from n",
    )
    content = bytearray(database.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "page":
        content[4096 * 4 : 4096 * 5] = b"\xa5" * 4096
    else:
        content = bytearray(b"no database" * 100 if damage == "text" else b"")
    database.write_bytes(content)
    deliver(inbox / "a.json", split([("x", 1, "m")]))
    assert landing.land() == 1
    assert set(landing.codes()) == ({"DATA_MISSING_TABLE"} if damage == "empty" else {"DATA_SQLITE_CORRUPT"})


def _holding(database: Path, script: str) -> subprocess.Popen[str]:
    """Another process that runs the script on the database and then waits."""
    code = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for line in sys.argv[2].split(';'): c.execute(line)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(database), script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_a_file_locked_for_good_is_given_up_in_time(
    database: Path, landing: SmallLanding, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_METERS_LOCK_SECONDS", "0.3")
    deliver(inbox / "a.json", split([("x", 1, "m")]))
    writer = _holding(database, "begin exclusive")
    try:
        assert landing.land() == 1
        assert landing.codes() == ["SOURCE_LOCKED"]
    finally:
        writer.communicate("\n", timeout=10)
    assert landing.land() == 5


def test_pages_in_the_wal_of_a_live_writer_are_read(database: Path, landing: SmallLanding) -> None:
    writer = _holding(database, "pragma journal_mode = wal;insert into meterpoint values ('Wales', '0b')")
    try:
        assert Path(f"{database}-wal").exists()
        landing.land()
    finally:
        writer.communicate("\n", timeout=10)
    assert landing.rows("meterpoints", "meterpoint_id") == [("0a",), ("0b",)]


def test_an_unfinished_write_is_not_read(database: Path, landing: SmallLanding) -> None:
    writer = _holding(database, "pragma journal_mode = wal;begin;delete from agreement")
    try:
        landing.land()
    finally:
        writer.communicate("\n", timeout=10)
    assert landing.count("agreements") == 2


def test_a_copy_without_its_wal_says_so_instead_of_being_empty(
    database: Path, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.unlink()
    script = "pragma journal_mode = wal;pragma wal_autocheckpoint = 0;" + SCHEMA.replace("\n", " ").strip().rstrip(";")
    writer = _holding(database, script)
    try:
        shutil.copy(database, tmp_path / "copy.db")
    finally:
        writer.communicate("\n", timeout=10)
    monkeypatch.setenv("SMART_METERS_DATABASE", str(tmp_path / "copy.db"))
    assert landing.land() == 0
    assert set(landing.codes()) == {"DATA_MISSING_TABLE"}
    assert all("-wal" in problem.message for problem in landing.problems)
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]
