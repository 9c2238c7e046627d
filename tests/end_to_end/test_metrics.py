"""What Prometheus is told is what the published ledgers say, and alerts and boards ask for nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.conftest import ROOT, House
from tests.end_to_end.serving_api import Api, serving

DEPLOYMENT = ROOT / "deployment"


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def served(
    request: pytest.FixtureRequest, first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Api]]:
    house = first_house(request.param)
    with serving(house, tmp_path_factory.mktemp("api")) as api:
        api.call("/api/v1/nodes")
        api.call("/api/v1/nodes")
        yield house, api


def told(api: Api) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name, then values of its labels in the order of their names, then the value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(api.call("/metrics", key=None).text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def test_the_figures_are_those_of_the_ledgers(served: tuple[House, Api]) -> None:
    house, api = served
    metrics = told(api)
    landed = house.ask("select source, sum(rows_landed) from {ledger}.load_history where kind = 'landing' group by 1")
    assert metrics["meterhouse_rows_landed_total"] == {(source,): float(rows) for source, rows in landed}
    assert sum(metrics["meterhouse_rows_landed_total"].values()) > 100_000
    anomalies = dict(house.ask("select severity, count(*) from {marts}.anomalies group by 1"))
    assert {key[0]: value for key, value in metrics["meterhouse_anomalies"].items() if value} == anomalies
    assert metrics["meterhouse_missing_half_hours"][()] == house.truth["meters"]["gaps"]["intervals"]
    assert metrics["meterhouse_unexplained_balances"][()] == 0
    assert metrics["meterhouse_published"][()] == 1
    rejected = house.ask(
        "select source, hop, rejected from {ledger}.conservation where measure = 'rows' and rejected > 0"
    )
    assert rejected
    assert all(metrics["meterhouse_rows_rejected"][hop, source] == float(rows) for source, hop, rows in rejected)
    fresh = house.ask("select source, table_name, last_landed_at from {ledger}.source_freshness")
    for source, table, at in [row for row in fresh if row[2]]:
        seen = metrics["meterhouse_source_last_landed_timestamp_seconds"][source, table]
        assert seen == pytest.approx(at.replace(tzinfo=UTC).timestamp(), abs=0.001)


def test_the_build_that_is_published_passed_and_took_a_while(served: tuple[House, Api]) -> None:
    house, api = served
    metrics = told(api)
    sources = house.ask("select distinct source from {ledger}.load_history where kind = 'landing'")
    expected = {("build", ""), *(("landing", source) for (source,) in sources)}
    assert {key for key in metrics["meterhouse_run_failed"] if key[0] in ("landing", "build")} == expected
    assert metrics["meterhouse_run_failed"]["build", ""] == 0
    assert 1 < metrics["meterhouse_run_seconds"]["build", ""] < 3600
    assert metrics["meterhouse_tests_failed_total"][()] == 0


def test_the_same_question_twice_is_one_hit(served: tuple[House, Api]) -> None:
    metrics = told(served[1])
    assert metrics["meterhouse_api_answers_total"]["hit",] >= 1
    assert metrics["meterhouse_api_request_seconds_count"]["GET", "/api/v1/nodes", "200"] == 2


def expressions() -> list[str]:
    groups = yaml.safe_load((DEPLOYMENT / "prometheus" / "rules.yml").read_text())["groups"]
    found = [rule["expr"] for group in groups for rule in group["rules"]]
    for board in (DEPLOYMENT / "grafana" / "dashboards").glob("*.json"):
        found += [target["expr"] for panel in json.loads(board.read_text())["panels"] for target in panel["targets"]]
    return found


def test_alerts_and_boards_ask_for_metrics_that_are_told(served: tuple[House, Api]) -> None:
    names = set(told(served[1]))
    asked = {name for text in expressions() for name in re.findall(r"\bmeterhouse_\w+", text)}
    assert len(asked) > 10
    assert asked - names == set()


def test_prometheus_takes_the_page_as_well_formed(served: tuple[House, Api]) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool here: install Debian's prometheus")
    page = served[1].call("/metrics", key=None).content
    done = subprocess.run([program, "check", "metrics"], input=page, capture_output=True)
    assert done.returncode in (0, 3), done.stderr.decode()
    assert b"error while linting" not in done.stderr
