"""The API on a whole house, on both engines: what it says is the world's truth, however it is asked."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from serving.api.answers import ARROW, CSV, JSON
from tests.end_to_end.conftest import House
from tests.end_to_end.serving_api import Api, serving


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def served(
    request: pytest.FixtureRequest, first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Api]]:
    house = first_house(request.param)
    with serving(house, tmp_path_factory.mktemp("api")) as api:
        yield house, api


# Figures ------------------------------------------------------------------------------------------------------------


def test_consumption_is_what_the_meters_measured(served: tuple[House, Api]) -> None:
    house, api = served
    truth = Decimal(str(house.truth["meters"]["consumption_kwh"]))
    for path in ("consumption/daily", "consumption/half-hourly"):
        rows = api.rows(path, limit=1000)
        assert sum(Decimal(str(row["consumption_kwh"])) for row in rows) == pytest.approx(truth, abs=Decimal("0.001"))
    meterpoint = next(iter(house.query("select min(meterpoint_id) from marts.fct_meter_readings")))[0]
    days = api.rows(f"consumption/meterpoints/{meterpoint}/daily", limit=50)
    half_hours = api.rows(f"consumption/meterpoints/{meterpoint}/half-hourly", limit=10_000)
    assert sum(row["interval_count"] for row in days) == len(half_hours)
    assert sum(row["consumption_kwh"] for row in days) == pytest.approx(sum(r["consumption_kwh"] for r in half_hours))


def test_a_clock_change_day_has_forty_six_half_hours(served: tuple[House, Api]) -> None:
    """London's clocks went forward on 2021-03-28 at 01:00 UTC."""
    _, api = served
    half_hours = api.rows(
        "consumption/half-hourly", since="2021-03-28T00:00:00+00:00", until="2021-03-29T00:00:00+01:00"
    )
    on_grid = [row for row in half_hours if row["is_on_grid"]]
    assert {row["local_date"] for row in on_grid} == {"2021-03-28"}
    assert len(on_grid) == 46
    assert on_grid[0]["starts_at"] == "2021-03-28T00:00:00Z"


def test_bills_are_the_dollars_of_the_portal(served: tuple[House, Api]) -> None:
    house, api = served
    months = api.rows("bills/monthly", limit=7)
    truth = house.truth["bills"]["generations"]["1"]
    assert sum(Decimal(str(row["amount_due_cad"] or 0)) for row in months) == Decimal(truth["sums"]["amount_due"])
    assert sum(row["bills"] for row in months if row["period_bucket"] == "undated") > 0
    assert len({(row["month"], row["town"], row["service_type"]) for row in months}) == len(months)


def test_weather_and_capacity_have_every_row_of_the_truth(served: tuple[House, Api]) -> None:
    house, api = served
    assert len(api.rows("weather/daily", limit=100)) == house.truth["openweather"]["place_days"]
    versions = house.truth["energy_transfer"]
    posted = api.rows("capacity", limit=10_000)
    assert len({(row["asset"], row["gas_day"]) for row in posted}) == len(
        {(row["asset"], row["gas_day"]) for row in api.rows("capacity/best-available", limit=10_000)}
    )
    assert {row["asset"] for row in posted} == set(versions["assets"])
    one = api.rows("capacity", asset="TW", gas_day="2021-03-15", cycle="0", limit=10)
    assert {(row["asset"], row["gas_day"], row["cycle_name"]) for row in one} == {("TW", "2021-03-15", "Timely")}
    assert {row["starts_at"] for row in one} == {"2021-03-15T14:00:00Z"}, "9:00 Central Daylight Time"


def test_agreements_are_those_in_force_on_the_day(served: tuple[House, Api]) -> None:
    """Half-open: on `valid_to` an agreement is over. The mart of the build's own day is the same list."""
    house, api = served
    answer = api.call("/api/v1/agreements?limit=10000").json()
    built = house.ask("select agreement_key, reference_date from {marts}.active_agreements order by 1")
    assert sorted(row["agreement_key"] for row in answer["rows"]) == [key for key, _ in built]
    ended = next(row for row in api.rows("agreements", reference_date="2020-12-01") if row["valid_to"])
    last = datetime.fromisoformat(ended["valid_to"]).date() - timedelta(days=1)
    for day, is_in_force in ((last, True), (last + timedelta(days=1), False)):
        keys = [row["agreement_key"] for row in api.rows("agreements", reference_date=str(day))]
        assert (ended["agreement_key"] in keys) is is_in_force


def test_anomalies_are_those_of_the_hours_before_the_newest_reading(served: tuple[House, Api]) -> None:
    house, api = served
    everything = house.ask("select anomaly_key, severity, node_id, starts_at, ends_at from {marts}.anomalies")
    assert len(api.rows("anomalies", hours=87_600, limit=5)) == len(everything) > 10
    critical = [row[0] for row in everything if row[1] == "critical"]
    assert sorted(r["anomaly_key"] for r in api.rows("anomalies", hours=87_600, severity="critical")) == sorted(
        critical
    )
    node, starts_at, ends_at = next(row[2:] for row in everything if row[2])
    starts_at, ends_at = (at.replace(tzinfo=UTC) for at in (starts_at, ends_at))
    for until, is_told in ((starts_at, False), (starts_at + timedelta(seconds=1), True), (ends_at, True)):
        found = api.rows("anomalies", hours=1, node_id=node, until=until.isoformat())
        assert (starts_at.isoformat().replace("+00:00", "Z") in [row["starts_at"] for row in found]) is is_told
    assert all(row["evidence"].startswith("{") for row in api.rows("anomalies", hours=87_600))


def test_a_node_has_windows_readings_and_versions(served: tuple[House, Api]) -> None:
    house, api = served
    nodes = api.rows("nodes", limit=3)
    assert len(nodes) == house.ask("select count(*) from {marts}.dim_nodes")[0][0]
    node = next(row for row in nodes if row["is_listed"] and row["reading_count"])
    assert api.rows(f"nodes/{node['node_id']}") == [node]
    for path, at, counted in (
        ("history", "read_at", "fct_sensor_readings where node_id = '{}'"),
        ("metrics?time_window=1day", "window_start", "computed_metrics where time_window = '1day' and node_id = '{}'"),
    ):
        ((count,),) = house.ask("select count(*) from {marts}." + counted.format(node["node_id"]))
        rows = api.rows(f"nodes/{node['node_id']}/{path}", since="2020-01-01T00:00:00Z", limit=10_000)
        assert len(rows) == count
        assert [row[at] for row in rows] == sorted(row[at] for row in rows)
    newest = api.rows(f"nodes/{node['node_id']}/history")
    first, last = (datetime.fromisoformat(newest[place]["read_at"]) for place in (0, -1))
    assert last.isoformat().replace("+00:00", "Z") == node["last_read_at"]
    assert timedelta(hours=20) < last - first <= timedelta(days=1)
    assert {row["node_id"] for row in api.rows(f"nodes/{node['node_id']}/versions")} == {node["node_id"]}
    answer = api.call("/api/v1/nodes/nobody/metrics")
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_SUCH_NODE")


def test_the_network_balance_ends_with_the_newest_window(served: tuple[House, Api]) -> None:
    house, api = served
    hours = api.rows("network/metrics", time_range="24h")
    ((newest,),) = house.ask(
        "select max(window_end) from {marts}.network_efficiency where scope = 'network' and time_window = '1hour'"
    )
    assert hours[-1]["window_end"] == newest.isoformat() + "Z"
    assert 0 < len(hours) <= 24
    assert {row["scope"] for row in hours} == {"network"}
    zones = api.rows("network/efficiency", time_range="30d")
    assert {row["scope"] for row in zones} == {"zone"}
    known = [row for row in zones if row["efficiency_pct"] is not None]
    assert all(row["loss_m3"] == pytest.approx(row["input_m3"] - row["output_m3"]) for row in known) and known
    assert all(row["unknown_reason"] for row in zones if row["efficiency_pct"] is None)


def test_the_detectors_have_the_scores_of_their_trials(served: tuple[House, Api]) -> None:
    """Five worlds of detector_trials.csv, added up by hand."""
    house, api = served
    found = {row["anomaly_type"]: row for row in api.rows("quality/detectors")}
    assert set(found) == set(house.truth["water"]["anomalies"])
    assert found["gap"] == {
        "anomaly_type": "gap", "world_count": 5, "planted_count": 35, "found_count": 35, "told_count": 35,
        "right_count": 35, "precision_ratio": 1.0, "recall_ratio": 1.0,
        "anomaly_count": house.truth["water"]["anomalies"]["gap"], "critical_count": 1,
    }  # fmt: skip
    planted = {kind: row["planted_count"] for kind, row in found.items()}
    assert planted["night_flow_rise"] == 2 + 2 + 2 + 2 + 2
    assert sum(planted.values()) == 5 * 36
    said = api.call("/openapi.json").json()["components"]["schemas"]["DetectorScoresRow"]["properties"]
    assert said["recall_ratio"]["description"].endswith("Unit: ratio.")
    assert "0 to 1" in said["precision_ratio"]["description"]


def test_what_does_not_exist_yet_says_so(served: tuple[House, Api]) -> None:
    _, api = served
    node = api.rows("nodes", limit=1)[0]["node_id"]
    assert api.call("/api/v1/models/status").json()["models"] == []
    predicted = api.call(f"/api/v1/predictions/{node}").json()
    assert (predicted["node_id"], predicted["predictions"]) == (node, [])
    assert "No model has been trained" in predicted["message"]


def test_the_status_names_the_last_run_of_each_source(served: tuple[House, Api]) -> None:
    house, api = served
    status = api.call("/api/v1/status").json()
    landed = {row["source"] for row in status["runs"] if row["kind"] == "landing"}
    assert landed == {"abbanoa", "energy_transfer", "openweather", "smart_meters", "winnipeg_billing"}
    assert {row["status"] for row in status["runs"] if row["kind"] == "landing"} == {"ok"}
    assert len(status["freshness"]) == house.ask("select count(*) from {ledger}.source_freshness")[0][0]
    assert (status["models"], status["running_job"], status["cache"]["kind"]) == ([], None, "memory")


# Pages and kinds ----------------------------------------------------------------------------------------------------

LISTED = {
    "nodes": ("marts", "dim_nodes", 3),
    "bills/monthly": ("marts", "monthly_billing", 11),
    "weather/daily": ("marts", "fct_weather_daily", 50),
    "consumption/half-hourly": ("marts", "half_hourly_consumption", 4000),
    "capacity": ("marts", "fct_operational_capacity", 5000),
    "capacity/best-available": ("marts", "capacity_best_available", 500),
    "network/night-flow": ("marts", "night_flow", 30),
    "quality/conservation": ("ledger", "conservation", 10),
    "quality/detectors": ("ledger", "detector_scores", 3),
    "quality/gaps": ("ledger", "interval_gaps", 2),
    "quality/freshness": ("ledger", "source_freshness", 4),
    "quality/runs": ("ledger", "load_history", 2),
    "quality/landing-problems": ("ledger", "landing_problems", 2),
    "quality/parse-failures": ("ledger", "parse_failures", 2),
    "quality/schema-drift": ("ledger", "schema_drift", 2),
    "quality/sensor-days": ("marts", "data_quality_daily", 300),
}


@pytest.mark.parametrize("path", LISTED)
def test_pages_hold_every_row_once_and_the_same_as_one_page(served: tuple[House, Api], path: str) -> None:
    house, api = served
    place, table, limit = LISTED[path]
    ((count,),) = house.ask(f"select count(*) from {{{place}}}.{table}")
    rows = api.rows(path, limit=limit)
    assert len(rows) == count
    assert len(Counter(str(row) for row in rows)) == count
    if count <= 10_000:
        assert rows == api.rows(path, limit=10_000)


def test_the_next_page_is_named_in_the_link_header_too(served: tuple[House, Api]) -> None:
    _, api = served
    first = api.call("/api/v1/weather/daily?limit=5&place=2063523")
    address = first.headers["Link"].partition(">")[0].lstrip("<")
    second = api.call(address)
    assert second.json()["rows"][0]["local_date"] > first.json()["rows"][-1]["local_date"]
    assert {row["place"] for row in second.json()["rows"]} == {"2063523"}
    assert "Link" not in api.call("/api/v1/weather/daily?limit=10000").headers


def test_json_csv_and_arrow_say_the_same(served: tuple[House, Api]) -> None:
    _, api = served
    path = "/api/v1/consumption/half-hourly?limit=20&since=2021-03-27T23:00:00Z"
    as_json = api.call(path, headers={"Accept": JSON})
    as_csv = api.call(path, headers={"Accept": f"{CSV}, {JSON};q=0.5"})
    as_arrow = api.call(path, headers={"Accept": ARROW})
    kinds = [answer.headers["Content-Type"].split(";")[0] for answer in (as_json, as_csv, as_arrow)]
    assert kinds == [JSON, CSV, ARROW]
    rows: list[dict[str, Any]] = as_json.json()["rows"]
    read = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["starts_at"] for row in read] == [row["starts_at"] for row in rows]
    assert [float(row["consumption_kwh"]) for row in read] == [row["consumption_kwh"] for row in rows]
    with pa.ipc.open_stream(as_arrow.content) as stream:
        table = stream.read_all()
    assert table.schema.field("consumption_kwh").type == pa.decimal128(38, 6)
    assert [float(value) for value in table["consumption_kwh"].to_pylist()] == [row["consumption_kwh"] for row in rows]
    assert len({answer.headers["ETag"] for answer in (as_json, as_csv, as_arrow)}) == 3


def test_a_kind_that_is_not_there_is_refused(served: tuple[House, Api]) -> None:
    _, api = served
    answer = api.call("/api/v1/nodes", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert api.call("/api/v1/nodes", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200
    assert api.call("/api/v1/nodes", headers={"Accept": f"{JSON};q=0, */*"}).headers["Content-Type"].startswith(CSV)


def test_an_answer_is_asked_for_again_only_when_the_build_is_another(served: tuple[House, Api]) -> None:
    house, api = served
    first = api.call("/api/v1/nodes?limit=2")
    again = api.call("/api/v1/nodes?limit=2", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.call("/api/v1/nodes?limit=3", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
    house.run("python", "-m", "publishing", "--force")
    after = api.call("/api/v1/nodes?limit=2", headers={"If-None-Match": first.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["rows"] == first.json()["rows"]
    assert after.json()["publication"]["published_at"] > first.json()["publication"]["published_at"]


@pytest.mark.parametrize(
    "payload", ["'; drop table dim_nodes; --", "x' or '1'='1", "$node_id", "%(node_id)s", "\\'", "}}"]
)
def test_a_value_is_a_value_and_never_sql(served: tuple[House, Api], payload: str) -> None:
    _, api = served
    before = api.rows("nodes")
    assert api.rows("nodes", district_id=payload) == []
    assert api.rows("anomalies", hours=87_600, node_id=payload) == []
    assert api.rows("bills/monthly", town=payload) == []
    assert api.rows("nodes") == before != []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("nodes?limit=0", 422),
        ("nodes?limit=10001", 422),
        ("nodes?district_id=%00", 422),
        ("anomalies?hours=-1", 422),
        ("anomalies?severity=high", 422),
        ("anomalies?until=2021-04-01T00:00:00", 422),
        ("consumption/daily?first_day=2021-02-30", 422),
        ("consumption/half-hourly?since=0.5", 422),
        ("consumption/daily?last_day=0", 422),
        ("consumption/half-hourly?since=0001-01-01T00:00:00%2B23:59&limit=1", 200),
        ("anomalies?hours=87600&until=0001-01-02T00:00:00Z", 200),
        ("network/metrics?time_range=1y", 422),
        ("nodes?after=nothing", 404),
        ("nodes?after=WzEsMl0", 404),
        ("nowhere", 404),
    ],
)
def test_what_can_be_asked_is_answered_and_all_else_refused_in_one_form(
    served: tuple[House, Api], address: str, status: int
) -> None:
    _, api = served
    answer = api.call(f"/api/v1/{address}")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()) == {"code", "message", "details"}
