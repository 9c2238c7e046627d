"""Which tables are fresh, late or stale: the judgement alone, and dbt's own check on both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publishing.freshness import Measured
from tests.conftest import TestWarehouse
from tests.metering.raw_meters import Load, create_raw, dbt, deliver, land, load_id
from tests.metering.story import M1_FIXED, METERPOINTS, PRODUCTS, half_hours

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
USED = frozenset({"smart_meters"})


def measured(last: datetime | None, source: str = "smart_meters", optional: bool = False) -> Measured:
    return Measured(source, "products", optional, last, NOON, timedelta(days=2), timedelta(days=4), None)


def test_a_threshold_is_the_last_instant_that_passes() -> None:
    one, second = measured(NOON), timedelta(seconds=1)
    spans = (timedelta(0), timedelta(days=2), timedelta(days=2) + second, timedelta(days=4), timedelta(days=4) + second)
    assert [one.verdict(NOON + span, USED) for span in spans] == ["fresh", "fresh", "late", "late", "stale"]


def test_what_never_landed_is_missed_only_where_it_is_expected() -> None:
    assert measured(None).verdict(NOON, USED) == "never landed"
    assert measured(None, source="openweather").verdict(NOON, USED) == "not in use"
    assert measured(None, optional=True).verdict(NOON, USED) == "not in use"


@pytest.fixture
def landed(warehouse: TestWarehouse, tmp_path: Path) -> TestWarehouse:
    """Load n landed at hour n of 2026-01-01 (UTC): readings at 1, agreements and products at 2, no meter points."""
    create_raw(warehouse)
    land(warehouse, 1, Load(readings={"m1.json": half_hours("m1", "2021-03-27 00:00", 2, "0.5")}))
    land(warehouse, 2, Load(agreements=[M1_FIXED], products=PRODUCTS))
    warehouse.query(
        'insert into raw.landing_runs (run_id, source, event, "at", _dlt_load_id) values '
        f"('run', 'smart_meters', 'started', '2026-01-01T00:00:00Z', '{load_id(1)}')"
    )
    return warehouse


def freshness(warehouse: TestWarehouse, folder: Path, *arguments: str) -> tuple[int, dict[tuple[str, str], str]]:
    """Exit code, and the line of each table."""
    env = {
        **os.environ,
        **warehouse.env,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    command = [sys.executable, "-m", "publishing", "freshness", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    lines = [line.split(None, 2) for line in done.stdout.splitlines() if line.strip()]
    assert lines, done.stderr
    return done.returncode, {(source, table): rest for source, table, rest in lines}


@pytest.mark.parametrize("words", [("abbanoa",), ()])
def test_before_anything_has_landed_it_is_no_verdict_and_no_unknown_source(
    warehouse: TestWarehouse, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A first landing has told of its start, and its list of files is not there yet: dbt gives no result at all."""
    warehouse.query("create schema raw")
    warehouse.query("create table raw.landing_runs as select 'abbanoa' as source")
    done = subprocess.run(
        [sys.executable, "-m", "publishing", "freshness", *words], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, **warehouse.env, "DBT_TARGET_PATH": str(tmp_path / "t"), "DBT_LOG_PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "FRESHNESS_NOTHING: nothing of abbanoa" in done.stdout + done.stderr


def test_a_scheduler_is_told_and_the_ledger_remembers(landed: TestWarehouse, tmp_path: Path) -> None:
    code, said = freshness(landed, tmp_path)
    assert code == 1
    assert said[("smart_meters", "meterpoints")].startswith("never landed")
    assert said[("openweather", "weather_observations")].startswith("not in use")
    # By the clock of this machine, whatever it says, dbt's judgement and ours are one.
    recorded = landed.query("select source, table_name, status, last_landed_at from ledger.freshness_checks")
    assert len(recorded) == len(said)
    for source, table, status, last in recorded:
        # dbt knows nothing of sources that nobody uses.
        words = ("never landed", "not in use") if last is None else (status,)
        assert said[(source, table)].startswith(words)
    assert ("smart_meters", "products", datetime(2026, 1, 1, 2)) in [(s, t, at) for s, t, _, at in recorded]  # noqa: DTZ001

    # A table of the same name in another source is not this one.
    landed.query("update raw.landed_files set source = 'another' where table_name = 'products'")
    deliver(landed, 2, "meterpoints", "0003.db", METERPOINTS)
    code, said = freshness(landed, tmp_path, "smart_meters", "--now", "2026-01-03T01:00:01Z")
    assert code == 1
    assert {table: line.split("  ")[0] for (_, table), line in said.items()} == {
        "agreements": "fresh", "meter_readings": "late", "meterpoints": "fresh", "products": "never landed",
    }  # fmt: skip
    assert (
        "2 days old, landed 2026-01-01 01:00 UTC (late after 2 days, stale after 4 days)"
        in said[("smart_meters", "meter_readings")]
    )
    counted = "late_tables, stale_tables, message"
    kept = f"select subject, status, code, {counted} from ledger.operation_runs order by started_at"
    assert landed.query(kept)[-1] == (
        "smart_meters", "failed", "FRESHNESS_STALE", 1, 1, "stale or missing: smart_meters.products; land them",
    )  # fmt: skip
    landed.query("update raw.landed_files set source = 'smart_meters' where source = 'another'")
    # Late is shown and fails nothing.
    told = tmp_path / "outcome.json"
    late = ("smart_meters", "--now", "2026-01-03T01:00:01Z", "--outcome", str(told))
    assert freshness(landed, tmp_path, *late)[0] == 0
    assert {one["table"]: one["verdict"] for one in json.loads(told.read_text())} == {
        "agreements": "fresh", "meter_readings": "late", "meterpoints": "fresh", "products": "fresh",
    }  # fmt: skip
    assert landed.query(kept)[-1] == (
        "smart_meters", "ok", "FRESHNESS_LATE", 1, 0, "late: smart_meters.meter_readings",
    )  # fmt: skip
    assert freshness(landed, tmp_path, "smart_meters", "--now", "2026-01-05T01:00:01Z")[0] == 1


def test_readers_of_the_marts_see_how_old_they_may_be(landed: TestWarehouse, tmp_path: Path) -> None:
    dbt(landed, tmp_path, "build", variables={"known_at": "2026-01-03T01:00:01Z"}, select="+source_freshness")
    found = landed.query("select source, table_name, status, age_s from ledger.source_freshness order by 1, 2")
    assert [(table, status, age and int(age)) for source, table, status, age in found if source == "smart_meters"] == [
        ("agreements", "fresh", 47 * 3600 + 1), ("meter_readings", "late", 48 * 3600 + 1),
        ("meterpoints", "never landed", None), ("products", "fresh", 47 * 3600 + 1),
    ]  # fmt: skip
    assert {status for source, _, status, _ in found if source != "smart_meters"} == {"not in use"}
