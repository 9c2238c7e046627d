"""What a command of a task finds in its environment; Airflow's connections are given as its own variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from orchestration.environment import environment
print("FOUND", json.dumps(environment(*sys.argv[1:])))
"""


def found(folder: Path, *source: str, **env: str) -> dict[str, Any]:
    given = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("PG", "AIRFLOW", "WAREHOUSE"))},
        "AIRFLOW_HOME": str(folder), "PYTHONPATH": str(ROOT), **env,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *source], env=given, cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return dict(json.loads(line[6:]))


def test_the_same_variables_serve_as_everywhere_and_airflows_own_stay_behind(tmp_path: Path) -> None:
    seen = found(tmp_path, "openweather", WAREHOUSE="postgres", PGUSER="loader", AIRFLOW__CORE__FERNET_KEY="canary")
    assert (seen["WAREHOUSE"], seen["PGUSER"]) == ("postgres", "loader")
    assert "canary" not in str(seen)


def test_a_connection_stands_for_the_warehouse_and_for_a_sources_secrets(tmp_path: Path) -> None:
    connections = {
        "AIRFLOW_CONN_METERHOUSE_WAREHOUSE": "postgres://loader:secret@db.example.org:5433/house?sslmode=verify-full",
        "AIRFLOW_CONN_METERHOUSE_OPENWEATHER": json.dumps(
            {"conn_type": "generic", "extra": {"OPENWEATHER_API_KEY": "key", "not a variable": "x"}}
        ),
    }
    seen = found(tmp_path, "openweather", PGUSER="somebody", **connections)
    names = ("WAREHOUSE", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "OPENWEATHER_API_KEY")
    assert [seen[name] for name in names] == [
        "postgres", "db.example.org", "5433", "loader", "secret", "house", "verify-full", "key",
    ]  # fmt: skip
    assert "not a variable" not in seen
    assert "OPENWEATHER_API_KEY" not in found(tmp_path, "abbanoa", **connections)


def test_who_builds_may_be_another_role_than_who_lands(tmp_path: Path) -> None:
    roles = {"PGUSER": "loader", "PGPASSWORD": "one", "TRANSFORMER_PGUSER": "builder", "TRANSFORMER_PGPASSWORD": "two"}
    landing, building = found(tmp_path, "abbanoa", **roles), found(tmp_path, **roles)
    assert (landing["PGUSER"], landing["PGPASSWORD"]) == ("loader", "one")
    assert (building["PGUSER"], building["PGPASSWORD"]) == ("builder", "two")
    assert "two" not in landing.values()
    by_connection = {"AIRFLOW_CONN_METERHOUSE_TRANSFORMER": "postgres://third:three@db.example.org/house"}
    assert found(tmp_path, **roles, **by_connection)["PGUSER"] == "third"
