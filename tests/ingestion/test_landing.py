"""The door into raw: what lands, what is refused, and what the ledger says of it, on both engines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.crash import crash_point
from ingestion.errors import WarehouseError
from tests.ingestion.house import PEOPLE, READINGS, House

THREE = [("m1", "2021-03-28 00:30:00", "0.100"), ("m1", "2021-03-28 01:00:00", None), ("007", "", "1e400")]


def test_rows_land_with_their_file_position_and_load(house: House) -> None:
    house.deliver("a", THREE)
    outcome = house.land()
    assert (outcome.files, outcome.rows, outcome.unchanged, outcome.rejected) == (1, 3, 0, 0)
    assert house.rows() == THREE
    (name,) = {row[0] for row in house.rows(columns="_source_file")}
    digest, key = house.warehouse.query(f"select sha256, lake_key from raw.landed_files where source_file = '{name}'")[
        0
    ]
    assert key == f"raw/fake/fake_readings/{datetime.now(UTC):%Y/%m/%d}/{digest[:12]}.json"
    loads = house.warehouse.query(
        "select distinct l.status from raw.fake_readings r join raw._dlt_loads l on l.load_id = r._dlt_load_id"
    )
    assert loads == [(0,)]


def test_every_raw_column_but_the_row_number_is_text(house: House) -> None:
    house.deliver("a", THREE)
    house.land()
    types = house.warehouse.query(
        "select distinct data_type from information_schema.columns where table_schema = 'raw' and "
        "substr(table_name, 1, 4) <> '_dlt' and substr(table_name, 1, 1) <> '_' and column_name <> '_source_row'"
    )
    assert types in ([("VARCHAR",)], [("character varying",)])


def test_second_load_adds_nothing(house: House) -> None:
    house.deliver("a", THREE)
    house.deliver("p", [("1", "Ann", "x")], PEOPLE, "fake_people")
    house.land()
    before = house.dump()
    again = house.land()
    assert (again.status, again.files, again.unchanged, again.rows) == ("unchanged", 0, 2, 0)
    assert house.dump() == before


def test_other_content_under_the_same_name_is_a_new_version(house: House) -> None:
    house.deliver("a", THREE)
    house.land()
    house.deliver("a", [("m1", "2021-03-28 00:30:00", "0.2")])
    assert house.land().files == 1
    assert sorted(house.rows(), key=str) == sorted([*THREE, ("m1", "2021-03-28 00:30:00", "0.2")], key=str)
    assert house.warehouse.query("select count(distinct uri), count(*) from raw.landed_files") == [(1, 2)]


def test_all_declared_tables_and_columns_exist_though_nothing_was_delivered(house: House) -> None:
    assert house.land().status == "unchanged"
    found: dict[str, set[str]] = {}
    for table, column in house.warehouse.query(
        "select table_name, column_name from information_schema.columns where table_schema = 'raw'"
    ):
        found.setdefault(table, set()).add(column)
    lineage = {"_source_file", "_source_row", "_dlt_load_id"}
    assert found["fake_readings"] == {*READINGS, *lineage}
    assert found["fake_people"] == {*PEOPLE, *lineage}
    assert {"landed_files", "landing_runs", "landing_problems", "pseudonyms"} <= set(found)
    assert house.count("fake_readings") == 0
    # Of sources that are not configured too: who has only some of the systems builds the same project.
    assert found["meterpoints"] == {"region", "meterpoint_id", *lineage}


def test_a_new_column_lands_and_older_rows_have_null(house: House) -> None:
    house.deliver("a", [("m1", "t1", "1")])
    house.land()
    house.deliver("b", [("m2", "t2", "2", "Ω")], (*READINGS, "Reading Quality"))
    house.land()
    columns = "meterpoint_id, reading_quality"
    assert sorted(house.rows(columns=columns)) == [("m1", None), ("m2", "Ω")]


def test_a_missing_column_is_null_and_a_missing_key_is_refused(house: House) -> None:
    house.deliver("without_delta", [("m1", "t1")], READINGS[:2])
    house.deliver("without_key", [("t1", "1")], READINGS[1:])
    outcome = house.land()
    assert house.rows() == [("m1", "t1", None)]
    assert [(p.code, p.uri) for p in outcome.problems] == [
        ("DATA_MISSING_COLUMN", str(house.folder / "fake_readings" / "without_key.json"))
    ]
    assert (outcome.status, outcome.files, outcome.rejected) == ("partial", 1, 1)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (("Delta Kwh", "delta_kwh"), "DATA_DUPLICATE_COLUMN"),
        (("_source_file", "x"), "DATA_DUPLICATE_COLUMN"),
        (("_dlt_load_id", "x"), "DATA_DUPLICATE_COLUMN"),
        (("x" * 51, "y"), "DATA_COLUMN_NAME"),
    ],
)
def test_column_names_that_cannot_be_told_apart_are_refused(
    duckdb_house: House, extra: tuple[str, str], code: str
) -> None:
    duckdb_house.deliver("bad", [("m1", "t1", "1", "a", "b")], (*READINGS, *extra))
    duckdb_house.deliver("good", [("m2", "t2", "2")])
    outcome = duckdb_house.land()
    assert [p.code for p in outcome.problems] == [code]
    assert duckdb_house.rows() == [("m2", "t2", "2")]


def test_one_malformed_file_fails_alone(house: House) -> None:
    for number in range(5):
        house.deliver(f"good{number}", [(f"m{number}", "t", "1")])
    house.deliver_bytes(
        "broken", b'{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[["m9","t"'
    )
    outcome = house.land()
    assert sorted(row[0] for row in house.rows()) == ["m0", "m1", "m2", "m3", "m4"]
    (problem,) = outcome.problems
    assert (problem.code, problem.table) == ("DATA_UNREADABLE", "fake_readings")
    assert problem.uri is not None and problem.uri.endswith("broken.json")
    assert house.count("landed_files") == 5
    assert house.warehouse.query("select code, uri, table_name from raw.landing_problems") == [
        (problem.code, problem.uri, problem.table)
    ]
    # Repaired, it lands; the problem stays on record.
    house.deliver("broken", [("m9", "t", "1")])
    assert (house.land().status, house.count("fake_readings")) == ("ok", 6)


def test_a_malformed_file_fails_alone_though_its_error_cannot_be_shown(house: House) -> None:
    house.deliver("good", THREE)
    house.deliver_bytes("broken", b'{"columns":["meterpoint_id"],"data":[["' + "\u00e9".encode() * 9000 + b"\xc3")
    outcome = house.land()
    assert [(p.code, p.uri) for p in outcome.problems] == [
        ("DATA_UNREADABLE", str(house.folder / "fake_readings" / "broken.json"))
    ]
    assert house.rows() == THREE


def test_a_key_that_comes_twice_is_told_without_the_row(house: House) -> None:
    """DuckDB's message shows the object it stumbled over, up to fifty characters of it."""
    house.deliver("good", [("1", "Ann", "x")], PEOPLE, "fake_people")
    house.deliver_bytes(
        "twice", b'{"data":[["2","Canary"]],"columns":["person_id","name"],"data":[["2","Canary"]]}', "fake_people"
    )
    outcome = house.land()
    (problem,) = outcome.problems
    assert problem.code == "DATA_UNREADABLE"
    assert "one key twice" in problem.message and "record/value 1" in problem.message
    told = str(outcome) + str(house.warehouse.query("select * from raw.landing_problems, raw.landing_runs"))
    assert "Canary" not in told
    assert house.count("fake_people") == 1


def test_without_a_narrower_query_the_whole_batch_is_refused(house: House) -> None:
    house.deliver("good", THREE)
    house.deliver_bytes("broken", b'{"columns":["meterpoint_id","interval_start","consumption_delta"],"data":[["m9"')
    house.deliver("p", [("1", "Ann", "x")], PEOPLE, "fake_people")
    outcome = house.land(narrow="no")
    assert [p.code for p in outcome.problems] == ["DATA_UNREADABLE"] * 2
    assert (house.count("fake_readings"), house.count("fake_people")) == (0, 1)


def test_a_file_whose_rows_do_not_all_land_is_refused_and_leaves_none(house: House) -> None:
    house.deliver("honest", THREE)
    house.deliver("liar", [("m8", "t1", "1"), ("m8", "t2", "2")])
    outcome = house.land(lie="liar")
    (problem,) = outcome.problems
    assert problem.uri is not None and problem.uri.endswith("liar.json")
    assert "3 rows" in problem.message
    assert house.rows() == THREE
    assert house.count("landed_files") == 1
    assert house.land().rows == 2, "counted rightly, it lands the next time"


def test_files_whose_miscounts_cancel_out_are_found_all_the_same(house: House) -> None:
    house.deliver("honest", THREE)
    house.deliver("one_too_many", [("m8", "t1", "1"), ("m8", "t2", "2")])
    house.deliver("one_too_few", [("m9", "t1", "1"), ("m9", "t2", "2")])
    outcome = house.land(lie="one_too_many", understate="one_too_few")
    assert sorted((p.code, p.message.split(";")[0]) for p in outcome.problems) == [
        ("DATA_COUNT_MISMATCH", "1 rows were read and 2 landed"),
        ("DATA_COUNT_MISMATCH", "3 rows were read and 2 landed"),
    ]
    assert (outcome.files, outcome.rejected) == (1, 2)
    assert house.rows() == THREE
    assert house.count("landed_files") == 1


def test_a_file_without_rows_is_landed_once(house: House) -> None:
    house.deliver("empty", [])
    assert (house.land().files, house.land().unchanged) == (1, 1)
    assert house.count("fake_readings") == 0


def test_a_source_that_cannot_be_read_is_a_problem_with_its_code(house: House) -> None:
    house.env["FAKE_FOLDER"] = str(house.folder / "nowhere")
    outcome = house.land()
    assert (outcome.status, [p.code for p in outcome.problems]) == ("failed", ["SOURCE_MISSING"])
    runs = house.warehouse.query("select event, status, code from raw.landing_runs where event = 'finished'")
    assert runs == [("finished", "failed", "SOURCE_MISSING")]


def test_the_ledger_has_a_start_and_an_end_of_every_run(house: House) -> None:
    house.deliver("a", THREE)
    first, second = house.land(), house.land()
    events = house.warehouse.query(
        "select run_id, event, status, files_landed, files_unchanged, files_rejected, rows_landed "
        "from raw.landing_runs order by _dlt_load_id"
    )
    assert events == [
        (first.run_id, "started", None, None, None, None, None),
        (first.run_id, "finished", "ok", "1", "0", "0", "3"),
        (second.run_id, "started", None, None, None, None, None),
        (second.run_id, "finished", "unchanged", "0", "1", "0", "0"),
    ]


def test_landed_files_say_what_was_read(house: House) -> None:
    path = house.deliver("a", THREE)
    outcome = house.land()
    (found,) = house.warehouse.query(
        "select source, table_name, uri, bytes, rows, columns, read_kind, run_id from raw.landed_files"
    )
    size = str(path.stat().st_size)
    assert found == (
        "fake", "fake_readings", str(path), size, "3", json.dumps(list(READINGS)), "file", outcome.run_id
    )  # fmt: skip


def test_personal_values_get_a_pseudonym_once(house: House) -> None:
    house.deliver("p", [("1", "Ann", "x"), ("2", "Ann", "y"), ("3", "Bo", "z"), ("4", None, "")], PEOPLE, "fake_people")
    house.land()
    first = house.warehouse.query("select original, pseudonym, key_id from raw.pseudonyms order by original")
    assert [row[0] for row in first] == ["Ann", "Bo"]
    house.deliver("q", [("5", "Bo", ""), ("6", "Cy", "")], PEOPLE, "fake_people")
    house.land()
    second = house.warehouse.query("select original, pseudonym, key_id from raw.pseudonyms order by original")
    assert second[:2] == first and [row[0] for row in second] == ["Ann", "Bo", "Cy"]


def test_another_key_gives_all_values_another_pseudonym(house: House) -> None:
    house.deliver("p", [("1", "Ann", "x")], PEOPLE, "fake_people")
    house.land()
    house.env["PSEUDONYM_KEY"] = "quite another key, as long as needed"
    house.land()
    found = house.warehouse.query("select original, pseudonym, key_id from raw.pseudonyms")
    assert [row[0] for row in found] == ["Ann", "Ann"]
    assert len({row[1] for row in found}) == len({row[2] for row in found}) == 2


def test_an_unwritable_ledger_stops_before_anything_is_read(house: House) -> None:
    house.deliver("a", THREE)
    house.land()
    house.warehouse.query("drop table raw.landing_runs")
    house.warehouse.query("create view raw.landing_runs as select 1 as run_id")
    house.deliver("b", [("m5", "t", "1")])
    with pytest.raises(WarehouseError, match="nothing was read"):
        house.land()
    assert house.count("landed_files") == 1
    assert len(list((house.folder.parent / "data" / "lake").rglob("*.json"))) == 1


def test_nothing_is_left_in_the_working_folders(house: House) -> None:
    house.deliver("a", THREE)
    house.land()
    data = house.folder.parent / "data"
    assert list((data / "run").iterdir()) == []
    assert [path for path in (data / "dlt").rglob("*") if path.is_file()] == []


def test_crash_points_do_nothing_unless_named() -> None:
    crash_point("load.start")


def test_the_lake_is_dated_by_the_logical_instant_never_by_the_clock(duckdb_house: House) -> None:
    """An instant of Winnipeg's evening is the next day in UTC."""
    house = duckdb_house
    keys = []
    for name, told, env in (
        ("a", ["--logical-at", "2020-12-31T22:30:00-06:00"], "2019-01-01T00:00:00Z"),
        ("b", [], "2020-02-29T00:00:00Z"),
    ):
        house.deliver(name, [(name, "t", "1")])
        done = house.run("land", "fake", *told, METERHOUSE_LOGICAL_AT=env)
        assert done.returncode == 0, done.stderr
        keys += house.warehouse.query(f"select left(lake_key, 34) from raw.landed_files where uri like '%/{name}.json'")
    assert keys == [("raw/fake/fake_readings/2021/01/01/",), ("raw/fake/fake_readings/2020/02/29/",)]


@pytest.mark.parametrize("instant", ["yesterday", "2021-04-06T15:00:00"])
def test_a_logical_instant_that_says_nothing_definite_is_a_usage_error(house: House, instant: str) -> None:
    done = house.run("land", "fake", "--logical-at", instant)
    assert done.returncode == 2 and instant in done.stderr
    done = house.run("land", "fake", METERHOUSE_LOGICAL_AT=instant)
    assert done.returncode == 2 and "METERHOUSE_LOGICAL_AT" in done.stderr


def test_landing_leaves_airflow_alone_where_it_is_installed(duckdb_house: House, tmp_path: Path) -> None:
    """Importing it makes its folder, and costs more than landing a small file."""
    duckdb_house.deliver("a", THREE)
    done = duckdb_house.run("land", "fake", AIRFLOW_HOME=str(tmp_path / "airflow"))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "airflow").exists()
