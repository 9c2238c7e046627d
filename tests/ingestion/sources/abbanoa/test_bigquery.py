"""The sensor table in BigQuery, against an emulator that speaks REST and the Arrow storage interface."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow.parquet
import pytest

from ingestion.sources.abbanoa import bigquery
from tests.ingestion.sources.abbanoa.emulator import PROJECT, installed, serving
from tests.ingestion.sources.small_landing import SmallLanding

pytestmark = pytest.mark.timeout(400)  # the first run installs the emulator
TABLE = f"{PROJECT}.sensors.sensor_readings_ml"
COLUMNS = (
    "timestamp timestamp not null, node_id string not null, district_id string not null, flow_rate float64, "
    "volume float64, is_interpolated bool, source_file string, ingestion_timestamp timestamp not null"
)
FIRST = date(2021, 3, 27)


@pytest.fixture(scope="module")
def addresses(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    cache = getattr(request.config, "cache", None)  # kept from session to session, unless pytest keeps nothing
    folder = cache.mkdir("bqemulator-1.4.0") if cache else tmp_path_factory.mktemp("bqemulator")
    python = installed(folder)
    with serving(python, tmp_path_factory.mktemp("emulator") / "log") as found:
        yield found


@pytest.fixture
def table(addresses: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Three UTC days of two nodes, six rows a day; the second day is the one whose night is an hour short in Rome."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery as google

    monkeypatch.setenv("ABBANOA_BIGQUERY_TABLE", TABLE)
    monkeypatch.setenv("ABBANOA_BIGQUERY_URL", addresses[0])
    monkeypatch.setenv("ABBANOA_BIGQUERY_STORAGE_URL", addresses[1])
    client = google.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": addresses[0]}
    )
    client.create_dataset("sensors")
    client.query(f"create table `{TABLE}` ({COLUMNS}) partition by date(timestamp)").result()
    for day in range(3):
        insert(
            client, [row(FIRST + timedelta(days=day), hour, node) for hour in (0, 1, 23) for node in ("211514", "7")]
        )
    yield client
    client.delete_dataset("sensors", delete_contents=True)


def row(day: date, hour: int, node: str, flow: str = "1.25", arrived: str = "2021-03-30 04:00:00") -> str:
    return (
        f"(timestamp '{day} {hour:02d}:30:00+00', '{node}', 'D1', {flow}, 12345.678, false, 'export', "
        f"timestamp '{arrived}+00')"
    )


def insert(client: Any, rows: list[str]) -> None:
    client.query(f"insert into `{TABLE}` values {', '.join(rows)}").result()


def days(landing: SmallLanding) -> list[tuple[Any, ...]]:
    return landing.query("select uri, rows from raw.landed_files order by _dlt_load_id, uri")


def uri(day: date) -> str:
    return f"bigquery://{TABLE}/{day}"


def test_each_day_lands_with_its_values_and_stamps_in_utc_once(table: Any, landing: SmallLanding) -> None:
    insert(table, [row(FIRST, 12, "211514", flow="null")])
    assert landing.land() == 19 and landing.problems == []
    assert days(landing) == [(uri(FIRST), "7"), (uri(FIRST + timedelta(1)), "6"), (uri(FIRST + timedelta(2)), "6")]
    found = landing.query(
        "select timestamp, node_id, flow_rate, volume, is_interpolated, ingestion_timestamp from raw.sensor_readings "
        "where node_id = '211514' and timestamp between '2021-03-27 12' and '2021-03-28 00:59' order by 1"
    )
    arrived = "2021-03-30 04:00:00+00"
    assert found == [
        ("2021-03-27 12:30:00+00", "211514", None, "12345.678", "false", arrived),
        ("2021-03-27 23:30:00+00", "211514", "1.25", "12345.678", "false", arrived),
        ("2021-03-28 00:30:00+00", "211514", "1.25", "12345.678", "false", arrived),
    ]
    assert landing.land() == 0 and len(landing.unchanged) == 3


def test_the_lake_keeps_each_day_as_parquet_under_its_date(table: Any, landing: SmallLanding) -> None:
    landing.land()
    kept = landing.stored("sensor_readings")
    assert [entry.day for entry in kept] == [FIRST, FIRST + timedelta(1), FIRST + timedelta(2)]
    read = pyarrow.parquet.read_table(landing.open(kept[0]).path)
    assert read.num_rows == 6 and str(read.schema.field("timestamp").type) == "timestamp[us, tz=UTC]"


def test_a_late_row_brings_its_day_again_within_the_window_and_beyond_it_when_asked(
    table: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_LATE_DAYS", "1")
    landing.land()
    for day in (FIRST, FIRST + timedelta(days=1)):
        insert(table, [row(day, 15, "late", arrived="2021-04-02 04:00:00")])
    assert landing.land() == 7
    assert days(landing)[-1] == (uri(FIRST + timedelta(1)), "7")
    landing.since = landing.until = FIRST
    assert landing.land() == 7
    assert days(landing)[-1] == (uri(FIRST), "7")
    assert landing.land() == 0


def test_only_the_days_that_are_asked_for_are_read(
    table: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_BIGQUERY_FROM", str(FIRST + timedelta(days=2)))
    assert landing.land() == 6
    landing.since, landing.until = FIRST, FIRST + timedelta(days=1)
    assert landing.land() == 12
    assert landing.count("sensor_readings") == 18


def test_rows_that_arrive_between_counting_and_reading_are_counted_again(
    table: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = bigquery.SensorTable.days

    def then_more(self: bigquery.SensorTable, since: date | None, until: date) -> list[bigquery.Day]:
        found = counted(self, since, until)
        if since is None:
            insert(table, [row(FIRST, 15, "more")])
        return found

    monkeypatch.setattr(bigquery.SensorTable, "days", then_more)
    assert landing.land() == 19
    assert landing.land() == 0, "what was landed is known under the count that it was read with"


def test_a_day_that_never_rests_is_left_for_the_next_run_and_the_others_land(
    table: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = bigquery.SensorTable.days

    def one_too_many(self: bigquery.SensorTable, since: date | None, until: date) -> list[bigquery.Day]:
        return [bigquery.Day(d.day, d.rows + (d.day == FIRST), d.latest) for d in counted(self, since, until)]

    monkeypatch.setattr(bigquery.SensorTable, "days", one_too_many)
    assert landing.land() == 12
    assert [(problem.code, problem.uri) for problem in landing.problems] == [("DATA_SOURCE_MOVED", uri(FIRST))]


def test_a_table_that_is_not_there_is_a_setting_to_correct(
    table: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_BIGQUERY_TABLE", f"{PROJECT}.sensors.elsewhere")
    assert landing.refusal().code == "CONFIG_BIGQUERY"


def test_without_the_extra_its_name_is_told(landing: SmallLanding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABBANOA_BIGQUERY_TABLE", TABLE)
    real = builtins.__import__

    def without_google(name: str, *more: Any, **named: Any) -> Any:
        if name.startswith("google"):
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without_google)
    error = landing.refusal()
    assert error.code == "CONFIG_BIGQUERY" and "--extra bigquery" in error.message
