"""Readings from files: three shapes, what is new, and files that cannot be landed."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from ingestion.clients import places
from tests.ingestion.sources.small_landing import SmallLanding
from tests.ingestion.sources.smart_meters.conftest import COLUMNS, deliver, split

ROWS = [("2021-01-01 00:30:00", 0.123, "0a1b2c3d4e"), ("2021-01-01 01:00:00", 0.45, "0a1b2c3d4e")]
TEXTS = [("0a1b2c3d4e", "2021-01-01 00:30:00", "0.123"), ("0a1b2c3d4e", "2021-01-01 01:00:00", "0.45")]


def readings(landing: SmallLanding) -> list[tuple[object, ...]]:
    return landing.rows("meter_readings", "meterpoint_id", "interval_start", "consumption_delta")


@pytest.mark.parametrize(
    "content",
    [
        split(ROWS),
        split([(i, t, d) for t, d, i in ROWS], ("meterpoint_id", "interval_start", "consumption_delta")),
        json.dumps({"columns": list(COLUMNS), "index": [0, 1], "data": ROWS}),
        json.dumps({"data": ROWS, "columns": list(COLUMNS)}, indent=2),
        split(ROWS, ("Interval Start", "consumptionDelta", "METERPOINT_ID")),
        json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS]),
        json.dumps([dict(list(zip(COLUMNS, row, strict=True))[:: 1 - 2 * n]) for n, row in enumerate(ROWS)]),
        json.dumps({"count": 2, "next": None, "results": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}),
        "\ufeff" + split(ROWS),
        split(ROWS).replace(",", ",\r\n") + "\r\n",
    ],
    ids=["split", "other order", "index", "data first", "other spelling", "records", "records in two orders", "results",
         "BOM", "CRLF"],
)  # fmt: skip
def test_each_shape_gives_the_same_rows(content: str, inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "0a1b2c3d4e.json", content)
    assert landing.land() == 2
    assert readings(landing) == TEXTS
    assert landing.problems == []


def test_many_files_of_all_shapes_land_side_by_side(inbox: Path, landing: SmallLanding) -> None:
    for number in range(12):
        rows = [(time_, number / 8, f"{number:010x}") for time_, _, _ in ROWS]
        content = split(rows) if number % 3 else json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows])
        packed = gzip.compress(content.encode(), mtime=0)
        deliver(inbox / f"{number}.json", content) if number % 2 else deliver(inbox / f"{number}.json.gz", packed)
    assert landing.land() == 24
    assert len(landing.batches) == 2
    assert (
        landing.query("select sum(consumption_delta::decimal(18, 3)) from raw.meter_readings")[0][0]
        == 2 * sum(range(12)) / 8
    )
    for name, row, identifier in landing.query(
        "select _source_file, _source_row, meterpoint_id from raw.meter_readings"
    ):
        path = landing.lake_file(name)
        found = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        value = found["data"][row - 1][2] if "data" in found else found[row - 1]["meterpoint_id"]
        assert value == identifier


def test_the_octopus_form_lands_under_its_own_names(inbox: Path, landing: SmallLanding) -> None:
    result = {
        "consumption": 0.173,
        "interval_start": "2021-07-01T00:30:00+01:00",
        "interval_end": "2021-07-01T01:00:00+01:00",
    }
    deliver(inbox / "1200012345678.json", json.dumps({"count": 1, "next": None, "previous": None, "results": [result]}))
    landing.land()
    columns = ("meterpoint_id", "interval_start", "interval_end", "consumption", "consumption_delta")
    assert landing.rows("meter_readings", *columns) == [
        ("1200012345678", "2021-07-01T00:30:00+01:00", "2021-07-01T01:00:00+01:00", "0.173", None)
    ]


def test_a_name_with_a_space_is_kept_as_it_is(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "meter 7 é.json", split([row[:2] for row in ROWS], COLUMNS[:2]))
    landing.land()
    assert {row[0] for row in landing.rows("meter_readings", "meterpoint_id")} == {"meter 7 é"}


@pytest.mark.parametrize("name", ["0a1b2c3d4e.json", "0a1b2c3d4e.json.gz"])
def test_a_file_without_meter_point_is_about_the_one_it_is_named_after(
    name: str, inbox: Path, landing: SmallLanding
) -> None:
    content = split([row[:2] for row in ROWS], COLUMNS[:2]).encode()
    deliver(inbox / name, gzip.compress(content) if name.endswith("gz") else content)
    landing.land()
    assert readings(landing) == TEXTS


def test_left_out_and_null_values_are_null_and_empty_text_is_not(inbox: Path, landing: SmallLanding) -> None:
    rows = [{"interval_start": "a"}, {"interval_start": "b", "consumption_delta": None}, {"consumption_delta": ""}]
    deliver(inbox / "x.json", json.dumps(rows))
    landing.land()
    assert readings(landing) == [("x", "a", None), ("x", "b", None), ("x", None, "")]


def test_second_landing_opens_no_file_and_lands_nothing(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(inbox / "0a.json", split(ROWS))
    monkeypatch.setattr(places, "_SETTLED_NS", 0)
    landing.land()
    monkeypatch.setattr(places.Folder, "read", lambda *_: pytest.fail("opened"))
    assert landing.land() == 0
    assert [found.uri for found in landing.unchanged] == [(inbox / "0a.json").as_uri()]


def test_a_file_just_written_is_known_by_its_content(inbox: Path, landing: SmallLanding) -> None:
    (inbox / "0a.json").write_text(split(ROWS))
    landing.land()
    assert landing.batches[0].files[0].version is None
    assert landing.land() == 0


def test_a_copy_under_another_name_is_nothing_new(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split(ROWS))
    deliver(inbox / "b.json", split(ROWS))
    assert landing.land() == 2
    deliver(inbox / "c.json", split(ROWS))
    assert landing.land() == 0
    assert len(landing.unchanged) == 3


def test_equal_bytes_are_two_deliveries_when_only_the_name_tells_the_meter(inbox: Path, landing: SmallLanding) -> None:
    nothing_used = split([(time_, 0) for time_, _, _ in ROWS], COLUMNS[:2])
    deliver(inbox / "1200000000011.json", nothing_used)
    deliver(inbox / "1200000000022.json", nothing_used)
    assert landing.land() == 4
    assert {row[0] for row in landing.rows("meter_readings", "meterpoint_id")} == {"1200000000011", "1200000000022"}
    assert landing.land() == 0
    (inbox / "again").mkdir()
    deliver(inbox / "again" / "1200000000022.json", nothing_used)
    assert landing.land() == 0


def test_other_content_under_the_same_name_is_a_new_version_and_so_is_the_way_back(
    inbox: Path, landing: SmallLanding
) -> None:
    first, second = split(ROWS), split([(ROWS[0][0], 0.999, ROWS[0][2])])
    landed = []
    for content in (first, second, first, first):
        (inbox / "0a.json").write_text(content)
        landed.append(landing.land())
    assert landed == [2, 1, 2, 0]


def test_two_files_that_come_to_say_the_same_land_it_once(inbox: Path, landing: SmallLanding) -> None:
    for number, name in enumerate("ab"):
        deliver(inbox / f"{name}.json", split([(ROWS[0][0], number, "0a")]))
    assert landing.land() == 2
    for name in "ab":
        deliver(inbox / f"{name}.json", split(ROWS))
    assert landing.land() == 2 and landing.problems == []


def test_the_list_of_files_says_when_each_was_delivered(inbox: Path, landing: SmallLanding) -> None:
    path = inbox / "0a.json"
    path.write_text(split(ROWS))
    os.utime(path, ns=(0, 1_617_235_200_250_000_000))
    landing.land()
    assert landing.batches[0].files[0].delivered_at == "2021-04-01T00:00:00.250000Z"


def test_a_time_that_no_calendar_has_is_none() -> None:
    year_11476 = os.stat_result((0, 0, 0, 0, 0, 0, 0, 0, 300_000_000_000, 0))
    assert places._modified(year_11476) is None


def test_partial_uploads_and_other_files_are_left_alone(inbox: Path, landing: SmallLanding) -> None:
    for name in ("a.json.part", ".hidden.json", "readme.txt", "b.json.tmp"):
        deliver(inbox / name, split(ROWS))
    (inbox / "deeper").mkdir()
    deliver(inbox / "deeper" / "c.json", split(ROWS))
    assert landing.land() == 2
    assert landing.problems == []


def test_a_glob_and_a_single_file_can_be_named(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(inbox / "a1.json", split(ROWS[:1]))
    deliver(inbox / "b1.json", split(ROWS[1:]))
    monkeypatch.setenv("SMART_METERS_READINGS", str(inbox / "a*.json"))
    assert landing.land() == 1
    monkeypatch.setenv("SMART_METERS_READINGS", str(inbox / "b1.json"))
    assert landing.land() == 1


def test_a_folder_that_does_not_exist_is_a_problem_and_the_database_lands(
    database: Path, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_METERS_READINGS", str(tmp_path / "nowhere"))
    assert landing.land() == 5
    assert landing.codes() == ["CONFIG_READINGS"]


BAD = {
    "empty": (b"", "DATA_EMPTY_FILE"),
    "cut": (split(ROWS)[:-20], "DATA_JSON_SYNTAX"),
    "cut after the columns": (split(ROWS)[:66], "DATA_JSON_SYNTAX"),
    "cut at a comma": ('[{"interval_start":"a","consumption":1},', "DATA_JSON_SYNTAX"),
    "html": ("<html>log in</html>", "DATA_JSON_SYNTAX"),
    "two documents": (split(ROWS) + split(ROWS), "DATA_JSON_SYNTAX"),
    "a number": ("42", "DATA_UNKNOWN_SHAPE"),
    "unknown object": ('{"readings":[1]}', "DATA_UNKNOWN_SHAPE"),
    "list of numbers": ("[1,2]", "DATA_UNKNOWN_SHAPE"),
    "data no list": ('{"columns":["interval_start","consumption"],"data":5}', "DATA_UNKNOWN_SHAPE"),
    "short row": (split([ROWS[0], ROWS[1][:2]]), "DATA_RAGGED_ROW"),
    "long row": (split([ROWS[0], (*ROWS[1], "more")]), "DATA_RAGGED_ROW"),
    "row no list": ('{"columns":["interval_start","consumption"],"data":[["a","1"],5]}', "DATA_RAGGED_ROW"),
    "renamed": (split(ROWS, ("from", "consumption_delta", "meterpoint_id")), "DATA_MISSING_COLUMN"),
    "no quantity": (split(ROWS, ("interval_start", "kwh", "meterpoint_id")), "DATA_MISSING_COLUMN"),
    "column twice": (split(ROWS, ("interval_start", "consumption_delta", "Interval_Start")), "DATA_DUPLICATE_COLUMN"),
    "key twice": ('[{"interval_start":"a","interval_start":"b","consumption":1}]', "DATA_DUPLICATE_KEY"),
    "long name": (split(ROWS, ("interval_start", "consumption_delta", "x" * 51)), "DATA_COLUMN_NAME"),
    "our name": (split(ROWS, ("interval_start", "consumption_delta", "_source_file")), "DATA_COLUMN_NAME"),
    "utf-16": (split(ROWS).encode("utf-16"), "DATA_ENCODING"),
    "latin-1": (split([("é", 1, "x")]).replace("\\u00e9", "é").encode("latin-1"), "DATA_ENCODING"),
    "surrogate": (split([("x", 1, "y")]).replace('"x"', '"\\ud800"'), "DATA_ENCODING"),
    "NUL": (split([("x", 1, "y")]).replace('"x"', '"\\u0000"'), "DATA_NUL_BYTE"),
    "NUL byte": (split([("x", 1, "y")]).replace('"x"', '"\0"'), "DATA_NUL_BYTE"),
    "deep": (split([("a", 1, "DEEP")]).replace('"DEEP"', "[" * 200_000 + "]" * 200_000), "DATA_JSON_DEPTH"),
    "deep records": (
        '[{"interval_start":"a","consumption":' + '{"a":' * 150_000 + "1" + "}" * 150_000 + "}]", "DATA_JSON_DEPTH"
    ),
    "open brackets": ("[" * 200_000, "DATA_JSON_SYNTAX"),
}  # fmt: skip


def test_each_bad_file_is_named_and_the_rest_lands(inbox: Path, landing: SmallLanding) -> None:
    for name, (content, _) in BAD.items():
        deliver(inbox / f"{name}.json", content)
    deliver(inbox / "cut.json.gz", gzip.compress(split(ROWS).encode())[:-9])
    deliver(inbox / "damaged.json.gz", b"\x1f\x8b\x08 not really")
    deliver(inbox / "bomb.json.gz", gzip.compress(b"[" + b" " * (30 << 20) + b"]", 9))
    deliver(inbox / "zz good.json", split(ROWS))
    assert landing.land() == 2
    assert readings(landing) == TEXTS
    found = {Path(str(problem.uri)).name: problem.code for problem in landing.problems}
    expected = {f"{name}.json".replace(" ", "%20"): code for name, (_, code) in BAD.items()}
    expected |= {"cut.json.gz": "DATA_GZIP_CUT", "damaged.json.gz": "DATA_GZIP", "bomb.json.gz": "DATA_BOMB"}
    assert found == expected
    places = {Path(str(problem.uri)).stem: (problem.row, problem.column) for problem in landing.problems}
    assert places["NUL"] == (1, "interval_start")
    assert places["short%20row"] == (2, None)
    renamed = next(problem for problem in landing.problems if "renamed" in str(problem.uri))
    assert "interval_start" in renamed.message and "from" in renamed.message
    assert landing.land() == 0 and len(landing.problems) == len(expected)


def test_a_bad_file_is_landed_once_it_is_delivered_well(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split(ROWS)[:-5])
    landing.land()
    deliver(inbox / "a.json", split(ROWS))
    assert landing.land() == 2 and landing.problems == []


def test_a_key_twice_at_the_top_is_found_by_the_query_for_that_file(inbox: Path, landing: SmallLanding) -> None:
    """The inspection does not look for it: landing asks the batch file by file when its query fails."""
    import duckdb

    deliver(inbox / "a.json", split(ROWS)[:-1] + ',"data":[]}')
    deliver(inbox / "b.json", split(ROWS))
    with pytest.raises(duckdb.Error, match="duplicate key"):
        landing.land()
    (batch,) = landing.batches
    assert batch.narrow is not None
    assert len(landing.query(batch.narrow(batch.files[1:]))) == 2


def test_files_without_rows_are_landed_as_such(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split([]))
    deliver(inbox / "b.json", "[]")
    deliver(inbox / "c.json", '{"count":0,"results":[]}')
    assert landing.land() == 0
    assert landing.problems == []
    assert landing.query("select count(*) from raw.landed_files where rows = '0'") == [(3,)]
    landing.land()
    assert len(landing.unchanged) == 3


def test_a_new_column_lands_as_text(inbox: Path, landing: SmallLanding) -> None:
    deliver(inbox / "a.json", split([(*ROWS[0], {"flags": [1, True]})], (*COLUMNS, "Quality Flags")))
    landing.land()
    assert landing.rows("meter_readings", "quality_flags") == [('{"flags":[1,true]}',)]


def test_a_file_that_changes_while_it_is_read_is_read_again(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(inbox / "a.json", split(ROWS))
    real, moments = os.fstat, [0]

    def grows_once(handle: int) -> os.stat_result:
        found = real(handle)
        if found.st_ino == path.stat().st_ino and not moments[0]:
            moments[0] += 1
            path.write_text(split([*ROWS, ("2021-01-01 01:30:00", 0.1, "0a1b2c3d4e")]))
        return found

    monkeypatch.setattr(os, "fstat", grows_once)
    assert landing.land() == 3


def test_a_file_that_never_rests_is_left_for_the_next_run(
    inbox: Path, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(inbox / "a.json", split(ROWS))
    real = os.fstat

    def touched_again(handle: int) -> os.stat_result:
        found = real(handle)
        if found.st_ino == path.stat().st_ino:
            os.utime(path, ns=(found.st_mtime_ns, found.st_mtime_ns + 1_000_000))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", touched_again)
        assert landing.land() == 0
    assert landing.codes() == ["DATA_FILE_MOVED"]
    assert landing.land() == 2
