"""What lands of answers: from the service, from an archive, and from the lake again."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.openweather import SOURCE
from simulator.wire_faults import status
from tests.conftest import TestWarehouse
from tests.ingestion.house import House
from tests.ingestion.sources.openweather.conftest import (
    COVE,
    KEY,
    OBSERVED,
    PERTH,
    SYDNEY,
    WeatherStation,
    observation,
)
from tests.ingestion.sources.small_landing import SmallLanding

TABLE = "weather_observations"
DECLARED = SOURCE.table(TABLE).columns


def flat(sent: dict[str, Any]) -> dict[str, str]:
    """By hand what raw must say of the invented answer."""
    return {
        "coord_lon": "151.2073", "coord_lat": "-33.8679",
        "weather": '[{"id":800,"main":"Clear","description":"clear sky","icon":"01n"}]', "base": "stations",
        "main_temp": "18.25", "main_feels_like": "18", "main_temp_min": "17.1", "main_temp_max": "19",
        "main_pressure": "1021", "main_humidity": "77", "wind_speed": "2.5", "wind_deg": "190.5", "clouds_all": "0",
        "dt": str(sent["dt"]), "sys_country": "AU", "sys_sunrise": "1617653580", "sys_sunset": "1617695160",
        "timezone": "36000", "id": str(sent["id"]), "name": sent["name"], "cod": "200",
    }  # fmt: skip


def test_each_place_lands_as_one_row_with_every_value_as_it_was_sent(
    station: WeatherStation, landing: SmallLanding
) -> None:
    assert landing.land() == 3
    assert landing.problems == []
    rows = {row[-3]: dict(zip(DECLARED, row, strict=True)) for row in landing.rows(TABLE, *DECLARED)}
    assert set(rows) == {SYDNEY, PERTH, COVE}
    for place, row in rows.items():
        expected = flat(observation(place)) | {"place": place, "units": "metric", "logical_date": "2021-04-06"}
        assert {name: value for name, value in row.items() if value is not None} == expected
    assert station.log[0].params == {"id": SYDNEY, "units": "metric", "appid": KEY}
    assert station.log[2].params == {"lat": "-33.87", "lon": "-0.5", "units": "metric", "appid": KEY}


def test_answers_lie_in_the_lake_as_they_came_under_the_logical_date(
    station: WeatherStation, landing: SmallLanding
) -> None:
    landing.logical_at = datetime(2020, 2, 29, 23, 59, tzinfo=UTC)
    landing.land()
    kept = {row[0]: landing.lake_file(row[1]) for row in landing.rows(TABLE, "place", "_source_file")}
    assert {place: path.read_bytes() for place, path in kept.items()} == station.said
    assert {str(path.parent.relative_to(landing.folder)) for path in kept.values()} == {
        "raw/openweather/weather_observations/2020/02/29"
    }
    assert {row[0] for row in landing.rows(TABLE, "logical_date")} == {"2020-02-29"}


def test_the_same_answer_again_is_nothing_new_and_the_next_observation_is(
    station: WeatherStation, landing: SmallLanding
) -> None:
    landing.land()
    assert landing.land() == 0 and len(landing.unchanged) == 3
    station.say(SYDNEY, observation(SYDNEY, OBSERVED + 600))
    assert landing.land() == 1
    station.say(SYDNEY, observation(SYDNEY))  # a server behind the others: an older observation once more
    assert landing.land() == 0
    assert landing.rows(TABLE, "dt").count((str(OBSERVED),)) == 3


def test_what_may_be_missing_or_new_may_differ_from_answer_to_answer(
    station: WeatherStation, landing: SmallLanding
) -> None:
    items = [{"id": 501, "main": "Rain"}, {"id": 701, "main": "Mist"}]
    station.say(SYDNEY, observation(SYDNEY, rain={"1h": 0.51, "3h": 2}, visibility=3000, weather=items))
    station.say(PERTH, observation(PERTH, uv={"index": 7, "risk": {"level": [1, 2]}}, alerts=[], visibility=None))
    assert landing.land() == 3
    rows = landing.rows(TABLE, "place", "rain_1h", "rain_3h", "visibility", "uv_index", "uv_risk", "alerts", "weather")
    clear = '[{"id":800,"main":"Clear","description":"clear sky","icon":"01n"}]'
    assert set(rows) == {
        (SYDNEY, "0.51", "2", "3000", None, None, None, '[{"id":501,"main":"Rain"},{"id":701,"main":"Mist"}]'),
        (PERTH, None, None, None, "7", '{"level":[1,2]}', "[]", clear),
        (COVE, None, None, None, None, None, None, clear),
    }
    assert "rain_1h" in next(file.columns for batch in landing.batches for file in batch.files if SYDNEY in file.uri)


@pytest.mark.parametrize(
    "number", ["20.0", "1.50", "-0", "1e2", "0.00001", "12345678901234567890123", "-0.1257", "101300", "7E-3"]
)
def test_numbers_keep_their_digits(number: str, station: WeatherStation, landing: SmallLanding) -> None:
    sent = json.dumps(observation(SYDNEY, weather=[{"id": "N"}], visibility="N")).replace('"N"', number)
    station.say(SYDNEY, sent.encode())
    assert landing.land() == 3
    (row,) = landing.query(f"select visibility, weather from raw.{TABLE} where place = '{SYDNEY}'")
    assert row == (number, f'[{{"id":{number}}}]')


def test_units_land_beside_the_answer_and_another_unit_is_another_answer(
    station: WeatherStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land()
    monkeypatch.setenv("OPENWEATHER_UNITS", "imperial")
    assert landing.land() == 3  # the invented server answers alike in any unit; the request differs
    assert {request.params["units"] for request in station.log[3:]} == {"imperial"}
    assert landing.query(f"select units, count(*) from raw.{TABLE} group by 1 order by 1") == [
        ("imperial", 3), ("metric", 3),
    ]  # fmt: skip


def test_two_names_of_one_place_both_land(
    station: WeatherStation, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.say(COVE, observation(SYDNEY))
    monkeypatch.setenv("OPENWEATHER_PLACES", f"{SYDNEY} {COVE} {SYDNEY}")
    assert landing.land() == 2
    assert station.places == [SYDNEY, COVE]


# Kept earlier


def archive(folder: Path) -> Path:
    """Answers as the replaced system kept them, and one that tells its day in no way but by its observation."""
    sydney, perth = observation(SYDNEY, OBSERVED - 86_400), observation(PERTH, OBSERVED - 86_400)
    nowhere = observation("0", OBSERVED - 10 * 86_400)
    files = {
        "weather_sydney_20210405.json": json.dumps(sydney).encode(),
        "2021/04/05/06.json": json.dumps(perth).encode(),
        "2021/04/05/12.json.gz": gzip.compress(json.dumps(perth | {"dt": OBSERVED - 80_000}).encode()),
        "unknown_date/weather_x.json": b"\xef\xbb\xbf" + json.dumps(nowhere).encode(),
        "weather_twin_20210406.json": json.dumps(sydney).encode(),
        "ignored.part": b"{",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def test_an_archive_lands_under_its_own_days_verbatim_and_once(
    landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = archive(tmp_path / "kept")
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(folder))
    monkeypatch.setenv("OPENWEATHER_ARCHIVE_UNITS", "standard")
    monkeypatch.delenv("OPENWEATHER_PLACES")
    assert landing.land() == 4
    assert landing.problems == [] and len(landing.unchanged) == 1
    assert sorted(landing.rows(TABLE, "place", "logical_date", "units", "dt")) == [
        ("-33.8679:151.2073", "2021-03-27", "standard", str(OBSERVED - 864_000)),
        (PERTH, "2021-04-05", "standard", str(OBSERVED - 86_400)),
        (PERTH, "2021-04-05", "standard", str(OBSERVED - 80_000)),
        (SYDNEY, "2021-04-05", "standard", str(OBSERVED - 86_400)),
    ]
    for row in landing.rows(TABLE, "_source_file"):
        assert landing.lake_file(row[0]).read_bytes() in {path.read_bytes() for path in folder.rglob("*.*")}
    assert landing.land() == 0


def test_since_and_until_choose_days_of_the_archive_and_ask_for_today_only_when_it_is_meant(
    station: WeatherStation, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(archive(tmp_path / "kept")))
    landing.since, landing.until = date(2021, 3, 20), date(2021, 3, 31)
    assert landing.land() == 1
    assert landing.rows(TABLE, "logical_date") == [("2021-03-27",)]
    assert station.log == []
    landing.since, landing.until = date(2021, 4, 5), None
    assert landing.land() == 6
    assert len(station.log) == 3


def test_what_an_archive_holds_beside_answers_is_named_and_stops_nothing(
    landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {
        "error.json": json.dumps({"id": 5, "cod": "404", "message": "city not found", "dt": OBSERVED}),
        "cut.json": json.dumps(observation(SYDNEY))[:-40],
        "list.json": "[1]",
        "nodt.json": json.dumps({key: value for key, value in observation(SYDNEY).items() if key != "dt"}),
        "twice.json": '{"id": 7, "dt": 1617721200, "main": {"temp": 1, "temp": 2}}',
        "two_names.json": '{"id": 7, "dt": 1617721200, "main": {"temp": 1}, "main_temp": 2}',
        "ours.json": '{"id": 7, "dt": 1617721200, "units": "metric"}',
        "deep.json": '{"id": 7, "dt": 1, "x": ' + "[" * 5000 + "]" * 5000 + "}",
        "nul.json": '{"id": 7, "dt": 1617721200, "name": "a\\u0000"}',
        "half.json": '{"id": 7, "dt": 1617721200, "name": "\\ud800"}',
        "empty.json": "",
        "good.json": json.dumps(observation(SYDNEY)),
    }
    folder = tmp_path / "kept" / "2021" / "04" / "05"
    folder.mkdir(parents=True)
    for name, content in bad.items():
        (folder / name).write_text(content)
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(tmp_path / "kept"))
    monkeypatch.delenv("OPENWEATHER_PLACES")
    assert landing.land() == 1
    assert {Path(problem.uri or "").name: problem.code for problem in landing.problems} == {
        "error.json": "DATA_ERROR_BODY", "cut.json": "DATA_NO_PLACE", "list.json": "DATA_NO_PLACE",
        "nodt.json": "DATA_MISSING_COLUMN", "twice.json": "DATA_DUPLICATE_KEY",
        "two_names.json": "DATA_DUPLICATE_COLUMN", "ours.json": "DATA_DUPLICATE_COLUMN", "deep.json": "DATA_JSON_DEPTH",
        "nul.json": "DATA_NUL_BYTE", "half.json": "DATA_ENCODING", "empty.json": "DATA_EMPTY_FILE",
    }  # fmt: skip


def test_a_lake_of_a_past_year_lands_again_without_a_request_and_says_the_same(
    station: WeatherStation, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", str(archive(tmp_path / "kept")))
    station.say(SYDNEY, observation(SYDNEY, rain={"1h": 1.50}, visibility=10000, extra={"key": "new"}))
    assert landing.land() == 7
    before = sorted(landing.rows(TABLE, *DECLARED, "extra_key", "_source_file"), key=str)
    for name in ("OPENWEATHER_API_KEY", "OPENWEATHER_ARCHIVE", "OPENWEATHER_PLACES", "OPENWEATHER_URL"):
        monkeypatch.delenv(name)
    station.log.clear()
    (tmp_path / "later").mkdir()
    later = SmallLanding(tmp_path / "later", SOURCE)
    later.lake.root = later.folder = landing.folder
    later.since, later.until = date(2021, 4, 5), date(2021, 4, 5)
    assert later.land({"from_lake": "true"}) == 3
    later.since = later.until = None
    assert later.land({"from_lake": "true"}) == 4 and len(later.unchanged) == 3
    assert sorted(later.rows(TABLE, *DECLARED, "extra_key", "_source_file"), key=str) == before
    assert later.land({"from_lake": "true"}) == 0
    assert station.log == []


def test_a_damaged_file_of_the_lake_is_named_and_the_others_land(
    station: WeatherStation, landing: SmallLanding, tmp_path: Path
) -> None:
    landing.land()
    path = landing.lake_file(landing.rows(TABLE, "_source_file")[0][0])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    (tmp_path / "later").mkdir()
    later = SmallLanding(tmp_path / "later", SOURCE)
    later.lake.root = later.folder = landing.folder
    assert later.land({"from_lake": "true"}) == 2
    assert later.codes() == ["LAKE_DAMAGED"]


def test_the_command_line_lands_on_either_engine_and_keeps_the_key_from_everything(
    warehouse: TestWarehouse, station: WeatherStation, tmp_path: Path
) -> None:
    house = House(warehouse, tmp_path)
    station.fault(status(401, body={"cod": 401, "message": f"Invalid API key {KEY}"}), match=PERTH)
    station.fault(status(503), match="-33.87", times=1)
    said = house.run("land", "openweather", LOG_LEVEL="DEBUG", METERHOUSE_LOGICAL_AT="2021-04-06T15:30:00Z")
    assert said.returncode == 1 and "DENIED_SOURCE" in said.stdout
    assert '"GET /data/2.5/weather?id=2147714&units=metric HTTP/1.1" 200' in said.stderr  # urllib3 at DEBUG
    assert sorted(warehouse.query(f"select place, main_temp, logical_date from raw.{TABLE}")) == [
        (COVE, "18.25", "2021-04-06"), (SYDNEY, "18.25", "2021-04-06"),
    ]  # fmt: skip
    tables = [row[0] for row in warehouse.query(
        "select table_name from information_schema.tables where table_schema = 'raw'"
    )]  # fmt: skip
    told = said.stdout + said.stderr + "".join(str(warehouse.query(f'select * from raw."{table}"')) for table in tables)
    assert "canary" not in told
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"canary" in path.read_bytes()] == []
    assert len(station.log) == 4 and {request.params["appid"] for request in station.log} == {KEY}
