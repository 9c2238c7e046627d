"""The page Quality: what it says is what was planted, and what a ledger holds is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from serving.dashboard.queries import quality
from tests.end_to_end.conftest import House, pages_on


def metrics(page: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in page.metric}


def tables(page: AppTest) -> list[list[str]]:
    return [list(one.value.columns) for one in page.dataframe]


def rows(page: AppTest, having: str) -> list[dict[str, object]]:
    """Rows of the one table with that column."""
    (found,) = [one.value for one in page.dataframe if having in one.value.columns]
    return list(found.to_dict("records"))


def test_the_counts_are_those_that_were_planted(house: House, page_of: Callable[..., AppTest]) -> None:
    page = page_of("quality")
    assert [list(page.exception), list(page.error), list(page.warning)] == [[], [], []]
    gaps = house.truth["meters"]["gaps"]
    assert metrics(page) == {
        "Balances unexplained": "0",
        "Texts not parsed": "0",
        "Columns not as declared": "0",
        "Problems while landing": "0",
        "Half-hours missing": f"{gaps['intervals']:,}",
    }
    assert len(rows(page, "missing_interval_count")) == gaps["count"]
    assert (
        sum(int(str(row["missing_interval_count"])) for row in rows(page, "missing_interval_count"))
        == (gaps["intervals"])
    )


def test_each_balance_shows_what_became_of_what_went_in(house: House, page_of: Callable[..., AppTest]) -> None:
    meters = house.truth["meters"]
    (found,) = [
        row
        for row in rows(page_of("quality"), "unexplained")
        if (row["hop"], row["measure"]) == ("fct_meter_readings to half_hourly_consumption", "kWh")
    ]
    unmapped, everything = Decimal(meters["unmapped"]["consumption_kwh"]), Decimal(meters["consumption_kwh"])
    assert Decimal(str(found["amount_in"])) == everything
    assert Decimal(str(found["unmapped"])) == unmapped
    assert Decimal(str(found["kept"])) == everything - unmapped
    assert Decimal(str(found["unexplained"])) == 0


def test_the_anomalies_are_counted_by_kind(house: House, page_of: Callable[..., AppTest]) -> None:
    found: dict[str, int] = {}
    for row in rows(page_of("quality"), "severity"):
        found[str(row["anomaly_type"])] = found.get(str(row["anomaly_type"]), 0) + int(str(row["anomalies"]))
    assert found == house.truth["water"]["anomalies"]


def test_the_scores_of_the_detectors_are_those_of_the_trials(house: House, page_of: Callable[..., AppTest]) -> None:
    """Five worlds of detector_trials.csv, added up by hand; the last column is of this house's own network."""
    page = page_of("quality")
    found = {str(row["anomaly_type"]): row for row in rows(page, "recall_ratio")}
    counts = ("world_count", "planted_count", "found_count", "told_count", "right_count")
    assert {kind: tuple(int(str(row[name])) for name in counts) for kind, row in found.items()} == {
        "flat_line": (5, 25, 25, 25, 25),
        "gap": (5, 35, 35, 35, 35),
        "mismapped_pressure": (5, 20, 20, 20, 20),
        "night_flow_rise": (5, 10, 10, 10, 10),
        "no_flow": (5, 25, 25, 25, 25),
        "out_of_range": (5, 30, 30, 30, 30),
        "statistical_outlier": (5, 35, 35, 35, 35),
    }
    assert {(row["recall_ratio"], row["precision_ratio"]) for row in found.values()} == {(1.0, 1.0)}
    told = {kind: int(str(row["anomaly_count"])) for kind, row in found.items()}
    assert told == house.truth["water"]["anomalies"]
    critical = {kind: int(str(row["critical_count"])) for kind, row in found.items() if row["critical_count"]}
    # Of seven gaps the one that lasts a day or longer; every zero flow is, and so are leaks of 1 L/s or more.
    assert (critical["gap"], critical["no_flow"], critical.get("flat_line")) == (1, 5, None)
    assert any("synthetic worlds" in one.value for one in page.caption)


def test_a_source_in_the_address_shows_that_source_alone(page_of: Callable[..., AppTest]) -> None:
    page = page_of("quality", source="openweather")
    assert page.selectbox(key="source").value == "openweather"
    assert {row["source"] for row in rows(page, "unexplained")} == {"openweather"}
    assert {row["source"] for row in rows(page, "late_after_h")} == {"openweather"}
    assert {row["subject"] for row in rows(page, "rows_landed")} == {"openweather"}
    assert not {"Half-hours without a reading", "How far the detectors can be trusted"} & {
        one.value for one in page.subheader
    }


def test_runs_are_filtered_by_kind(house: House, page_of: Callable[..., AppTest]) -> None:
    assert {row["kind"] for row in rows(page_of("quality", kind="landing"), "rows_landed")} == {"landing"}
    landed = sum(int(float(str(row["rows_landed"]))) for row in rows(page_of("quality", kind="landing"), "rows_landed"))
    assert landed == sum(
        count for (count,) in house.ask("select rows_landed from {ledger}.load_history where kind = 'landing'")
    )


@pytest.mark.parametrize("value", ["no such source", "' or 1=1 --", "<script>"])
def test_a_wrong_value_in_the_address_shows_everything(page_of: Callable[..., AppTest], value: str) -> None:
    page = page_of("quality", source=value, kind=value, measure=value)
    assert [list(page.exception), list(page.error)] == [[], []]
    assert page.selectbox(key="source").value is None
    assert len({row["source"] for row in rows(page, "unexplained")}) == 5


def test_what_a_ledger_holds_is_listed(new_house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Entries written by hand into the copy, one of each kind."""
    copy = Path(new_house.warehouse.env["WAREHOUSE_PATH"]).with_name("published.duckdb")
    with duckdb.connect(str(copy)) as connection:
        for statement in (
            "insert into ledger.parse_failures by name select 'abbanoa' as source, 'sensor_logs' as table_name, "
            "'read_at_local' as column_name, 'time' as raw_column, '25:61' as original_text, 'logs.csv' as uri, "
            "false as is_masked, 'abc' as _source_file, 7 as _source_row, '1.5' as _dlt_load_id",
            "insert into ledger.schema_drift by name select 'abbanoa' as source, 'sensor_logs' as table_name, "
            "'pH' as column_name, 'undeclared' as kind, 3 as files, true as is_current, 'logs.csv' as example_uri",
            "insert into ledger.landing_problems by name select 'r' as run_id, 'abbanoa' as source, 'sensor_logs' as "
            "table_name, 'DATA_ENCODING' as code, 'neither UTF-8 nor cp1252' as message, "
            "timestamp '2021-04-06 10:00:00' as occurred_at",
            "update ledger.conservation set unexplained = 12.5 where source = 'abbanoa' and hop = "
            "'landed files to raw sensor_logs'",
            "update ledger.detector_scores set found_count = 28, recall_ratio = 0.8, told_count = 40, "
            "right_count = 30, precision_ratio = 0.75 where anomaly_type = 'gap'",
            "insert into ledger.detector_scores by name select 'a new kind' as anomaly_type, 3 as anomaly_count, "
            "0 as critical_count",
        ):
            connection.execute(statement)
    with pages_on(new_house, monkeypatch, tmp_path) as page_of:
        page = page_of("quality")
        assert [list(page.exception), list(page.error)] == [[], []]
        said = metrics(page)
        assert [said[label] for label in list(said)[:4]] == ["1", "1", "1", "1"]
        assert rows(page, "texts") == [
            {"source": "abbanoa", "table_name": "sensor_logs", "column_name": "read_at_local", "texts": 1}
        ]
        assert [row["original_text"] for row in rows(page, "original_text")] == ["25:61"]
        assert [(row["column_name"], row["kind"]) for row in rows(page, "declared_as")] == [("pH", "undeclared")]
        assert [row["code"] for row in rows(page, "occurred_at")] == ["DATA_ENCODING"]
        assert Decimal(str(rows(page, "unexplained")[0]["unexplained"])) == Decimal("12.5")
        scores = {str(row["anomaly_type"]): row for row in rows(page, "recall_ratio")}
        assert (scores["gap"]["recall_ratio"], scores["gap"]["precision_ratio"]) == (0.8, 0.75)
        assert (scores["gap"]["found_count"], scores["gap"]["right_count"]) == (28, 30)
        assert math.isnan(float(str(scores["a new kind"]["recall_ratio"])))
        assert scores["a new kind"]["anomaly_count"] == 3
        other = metrics(page_of("quality", source="openweather"))
        assert [other[label] for label in list(other)[:4]] == ["0", "0", "0", "0"]


def test_the_days_of_nodes_hold_every_reading_that_was_sent(house: House, page_of: Callable[..., AppTest]) -> None:
    assert list(page_of("quality", measure="quality_score").exception) == []
    days = quality.node_days().to_pylist()
    assert len({day["node_id"] for day in days}) == 20
    assert sum(day["reading_count"] for day in days) == house.truth["water"]["rows"]
