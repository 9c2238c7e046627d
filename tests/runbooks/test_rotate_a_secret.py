"""docs/runbooks/rotate-a-secret.md, followed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from ingestion.settings import ROOT
from tests.conftest import duckdb_warehouse
from tests.operations.commands import apply_roles, as_role
from tests.operations.small_house import SmallHouse, small_house_in
from tests.postgres_server import execute
from tests.runbooks.blocks import follow, sections
from tests.runbooks.test_restore import meters

PAGE = sections("rotate-a-secret.md")
PASSWORD, API_KEY, PSEUDONYMS = "A database password", "An API key (OpenWeatherMap, Socrata)", "The pseudonym key"


def test_the_page_has_these_sections() -> None:
    assert list(PAGE) == [PASSWORD, API_KEY, PSEUDONYMS]


def test_a_database_password_is_changed(postgres_house: SmallHouse, tmp_path: Path) -> None:
    admin = postgres_house.warehouse.env
    apply_roles(admin)
    reader = as_role(admin, "reader")
    assert execute(reader, "select 1") == [(1,)]
    secrets = tmp_path / "secrets"
    said = follow(PAGE[PASSWORD], {**postgres_house.env, "SECRETS": str(secrets)})
    assert "meterhouse_reader: password set" in said and "published_at" in said
    file = secrets / "warehouse_reader_password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() not in said
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(reader, "select 1")
    assert execute({**reader, "PGPASSWORD": file.read_text().strip()}, "select 1") == [(1,)]


def test_an_api_key_is_tried(world: Path, tmp_path: Path) -> None:
    warehouse = duckdb_warehouse(tmp_path)
    served = (sys.executable, "-m", "simulator", "run", "--world", str(world), "--")
    said = follow(PAGE[API_KEY], warehouse.env, *served)
    assert "openweather" in said and "DENIED" not in said
    assert warehouse.query("select count(*) from raw.weather_observations")[0][0] > 0


def test_a_new_pseudonym_key_changes_every_pseudonym_and_no_number(world: Path, tmp_path: Path) -> None:
    house = small_house_in(duckdb_warehouse(tmp_path), tmp_path)
    env = {
        **house.env,
        **meters(world),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    for verb in ("ingestion land all", "publishing build"):
        done = subprocess.run(
            [sys.executable, "-m", *verb.split()], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    accounts = "select distinct account_key from marts.dim_agreements where account_key is not null"
    kwh = "select sum(consumption_kwh) from marts.half_hourly_consumption"
    before, total = set(house.warehouse.query(accounts)), house.warehouse.query(kwh)
    assert len(before) > 3 and total[0][0] > 0

    follow(PAGE[PSEUDONYMS], env)
    after = set(house.warehouse.query(accounts))
    assert len(after) == len(before)
    assert after & before == set()
    assert house.warehouse.query(kwh) == total
    assert house.warehouse.query("select count(distinct key_id) from raw.pseudonyms") == [(2,)]
    (backup,) = house.backups.iterdir()
    assert (backup / "pseudonym.key").read_bytes() == (house.data / "pseudonym.key.old").read_bytes()
    assert (house.data / "pseudonym.key").read_bytes() != (house.data / "pseudonym.key.old").read_bytes()
