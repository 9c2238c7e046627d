"""Alerts over the ledgers of a whole house: told once at a real webhook, and over when the data is right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.alerting.receivers import Webhook, webhook
from tests.end_to_end.conftest import ROOT, House


def watched(house: House, hook: Webhook, code: int = 0) -> list[tuple[str, str, str]]:
    """What is told by judging once: (event, severity, key)."""
    before = len(hook.documents)
    env = {**house.env, "ALERT_WEBHOOK_URL": hook.url}
    done = subprocess.run([sys.executable, "-m", "serving.watch"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return [(one["event"], one["severity"], one["key"]) for one in hook.documents[before:]]


def changed(house: House, sql: str) -> None:
    """Changes the published copy, as a build of other data would."""
    with duckdb.connect(str(Path(house.warehouse.env["WAREHOUSE_PATH"]).with_name("published.duckdb"))) as copy:
        copy.execute(sql)


def test_what_the_ledgers_find_is_told_once_and_is_over_when_they_do_not(new_house: House) -> None:
    with webhook() as hook:
        first = watched(new_house, hook)
        assert ("raised", "warning", "gap/meter_readings") in first
        assert {key.partition("/")[0] for _, _, key in first} == {"gap", "anomaly"}
        gap = next(one for one in hook.documents if one["key"] == "gap/meter_readings")
        truth = new_house.truth["meters"]["gaps"]
        assert gap["detail"].startswith(f"{truth['intervals']:,} half-hours in {truth['count']:,} gaps ")
        assert (gap["owner"], gap["playbook"]) == ("ingestion", "docs/runbooks/ledger-findings.md")
        assert watched(new_house, hook) == []

        changed(
            new_house,
            "insert into ledger.parse_failures (source, table_name, column_name, original_text, uri) values "
            "('winnipeg_billing', 'utility_billing', 'amount_due_cad', 'hunter2', 'file:///a.json')",
        )
        changed(new_house, "update ledger.conservation set unexplained = 7 where source = 'openweather'")
        told = watched(new_house, hook)
        assert ("raised", "warning", "parse/winnipeg_billing.utility_billing.amount_due_cad") in told
        broken = [severity for _, severity, key in told if key.startswith("conservation/openweather: ")]
        assert broken == ["failure"] * (len(told) - 1) != []
        assert "hunter2" not in str(hook.documents), "what was delivered may be a person's"
        assert watched(new_house, hook) == []

        changed(new_house, "delete from ledger.parse_failures")
        changed(new_house, "update ledger.conservation set unexplained = 0")
        changed(new_house, "delete from ledger.interval_gaps")
        over = watched(new_house, hook)
        assert {event for event, _, _ in over} == {"resolved"}
        assert {key for _, _, key in over} == {key for _, _, key in told} | {"gap/meter_readings"}


def test_a_source_is_late_by_the_clock_of_now(new_house: House) -> None:
    with webhook() as hook:
        watched(new_house, hook)
        changed(
            new_house,
            "update ledger.source_freshness set last_landed_at = cast(now() at time zone 'UTC' as timestamp) - "
            "to_seconds(late_after_s + 60) where table_name = 'sensor_readings'",
        )
        assert watched(new_house, hook) == [("raised", "warning", "freshness/abbanoa.sensor_readings")]
        changed(
            new_house,
            "update ledger.source_freshness set last_landed_at = timestamp '2020-01-01' "
            "where table_name = 'sensor_readings'",
        )
        # A warning that becomes a failure is news.
        assert watched(new_house, hook) == [("updated", "failure", "freshness/abbanoa.sensor_readings")]


def test_a_landing_that_ended_badly_is_told_by_one_name_only(new_house: House) -> None:
    with webhook() as hook:
        watched(new_house, hook)
        changed(
            new_house,
            "insert into ledger.load_history (run_id, kind, source, subject, status, code, started_at, finished_at) "
            "select 'r', 'landing', s, s, 'failed', 'SOURCE_HTTP', now(), now() "
            "from (values ('abbanoa'), ('openweather')) as t(s)",
        )
        told_by_airflow = {**new_house.env, "ALERT_WEBHOOK_URL": hook.url}
        subprocess.run(
            [sys.executable, "-m", "alerting", "raise", "land_abbanoa/land", "--title", "down"],
            cwd=ROOT, env=told_by_airflow, check=True,
        )  # fmt: skip
        assert watched(new_house, hook) == [("raised", "failure", "run/landing/openweather")]


def test_what_cannot_be_read_is_not_over(new_house: House, tmp_path: Path) -> None:
    with webhook() as hook:
        watched(new_house, hook)
        copy = Path(new_house.warehouse.env["WAREHOUSE_PATH"]).with_name("published.duckdb")
        copy.rename(copy.with_suffix(".away"))
        assert watched(new_house, hook, code=1) == []


def test_the_rules_find_the_same_on_both_engines(first_house: Callable[[str], House]) -> None:
    keys = {}
    for name in ("duckdb", "postgres"):
        with webhook() as hook:
            watched(first_house(name), hook)
            keys[name] = sorted((one["severity"], one["key"], one["detail"]) for one in hook.documents)
    assert keys["duckdb"] == keys["postgres"] != []
