"""Archive and lake on S3: what lands from there is what was put there, and lands again from the lake alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.landing import land
from ingestion.report import Outcome, Report
from ingestion.run import Options
from ingestion.sources.openweather import SOURCE
from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.ingestion.sources.openweather.conftest import COVE, PERTH, SYDNEY, WeatherStation, observation

NOW = datetime(2021, 4, 6, 23, 59, 59, tzinfo=UTC)
TABLE = "weather_observations"
EARLIER = json.dumps(observation(SYDNEY, dt=1617634800)).encode()  # 2021-04-05 15:00 UTC


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "DEFAULT_REGION": "us-east-1"}
    for name, value in {**settings, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="weather")
    yield client
    server.stop()


def landed(warehouse: TestWarehouse, **params: str) -> Outcome:
    os.environ.update(warehouse.env | {"LAKE_URL": "s3://weather/lake"})
    with Report() as report:
        return land([SOURCE], Options(params=params, logical_at=NOW), report)[0]


def rows(warehouse: TestWarehouse) -> list[tuple[Any, ...]]:
    listed = ", ".join((*SOURCE.table(TABLE).columns, "_source_file", "_source_row"))
    return sorted(warehouse.query(f"select {listed} from raw.{TABLE}"), key=str)


def test_answers_go_through_a_lake_on_s3_and_land_again_from_it_without_a_request(
    s3: Any, station: WeatherStation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket="weather", Key="kept/2021/04/05/weather_sydney_20210405.json", Body=EARLIER)
    monkeypatch.setenv("OPENWEATHER_ARCHIVE", "s3://weather/kept")
    first, second = (duckdb_warehouse(tmp_path / name) for name in ("first", "second"))

    assert (landed(first).rows, landed(first).rows) == (4, 0)
    found = first.query(f"select place, logical_date from raw.{TABLE} order by 2, 1")
    assert found == [(SYDNEY, "2021-04-05"), *sorted((place, "2021-04-06") for place in (COVE, PERTH, SYDNEY))]
    folder = f"lake/raw/openweather/{TABLE}/2021/04"
    kept = s3.list_objects_v2(Bucket="weather", Prefix=f"{folder}/")["Contents"]
    assert sorted(one["Key"].rsplit("/", 1)[0] for one in kept) == [f"{folder}/05"] + [f"{folder}/06"] * 3
    contents = [s3.get_object(Bucket="weather", Key=one["Key"])["Body"].read() for one in kept]
    assert sorted(contents) == sorted([EARLIER, *station.said.values()]), "verbatim"

    station.log.clear()
    assert landed(second, from_lake="true").status == "ok"
    assert rows(second) == rows(first)
    assert station.log == []
