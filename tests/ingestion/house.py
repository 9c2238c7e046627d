"""A throw-away installation for tests: the fake source's folder, a lake, a warehouse, and ways to land into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ingestion.sources
from ingestion import registry
from ingestion.landing import land
from ingestion.report import Outcome, Report
from ingestion.run import Options
from tests.conftest import TestWarehouse

CLI = Path(__file__).parent / "cli.py"
SOURCES = str(Path(__file__).parent / "fake_sources")
READINGS = ("meterpoint_id", "interval_start", "consumption_delta")
PEOPLE = ("person_id", "name", "note")
KEY = "a key for tests only, of no value"


class House:
    """One installation. Files are delivered with `deliver`, then landed by `land` (here) or `run` (in a process)."""

    def __init__(self, warehouse: TestWarehouse, folder: Path) -> None:
        self.warehouse, self.folder = warehouse, folder / "delivered"
        self.folder.mkdir(exist_ok=True)
        self.env = {**warehouse.env, "FAKE_FOLDER": str(self.folder), "PSEUDONYM_KEY": KEY}

    def deliver(
        self, name: str, rows: Sequence[Sequence[Any]], columns: Sequence[str] = READINGS, table: str = "fake_readings"
    ) -> Path:
        """Writes one JSON file of the table; the same name again replaces it."""
        content = json.dumps({"columns": list(columns), "data": [list(row) for row in rows]}, ensure_ascii=False)
        return self.deliver_bytes(name, content.encode(), table)

    def deliver_bytes(self, name: str, content: bytes, table: str = "fake_readings") -> Path:
        path = self.folder / table / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def land(self, **params: str) -> Outcome:
        """Lands the fake source in this process, which is as before when it has landed."""
        known = [*ingestion.sources.__path__, SOURCES]
        with patch.dict(os.environ, self.env), patch.object(ingestion.sources, "__path__", known), Report() as report:
            (outcome,) = land([registry.find("fake")], Options(params=params), report)
        return outcome

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The real command line in a process of its own."""
        return subprocess.run(
            [sys.executable, str(CLI), *arguments],
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """As `run`, without waiting for it."""
        return subprocess.Popen(
            [sys.executable, str(CLI), *arguments],
            env=self.environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "METERHOUSE", "SOCRATA"))
        }
        return {**kept, **self.env, "COLUMNS": "200", **more}

    def rows(self, table: str = "fake_readings", columns: str = ", ".join(READINGS)) -> list[tuple[Any, ...]]:
        """Rows of a raw table in the order of their files and positions."""
        return self.warehouse.query(f"select {columns} from raw.{table} order by _source_file, _source_row")

    def count(self, table: str) -> int:
        return int(self.warehouse.query(f"select count(*) from raw.{table}")[0][0])

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """What must be the same after any disturbance: rows with their lineage, files, pseudonyms; each once."""
        lineage = "_source_file, _source_row"
        return {
            "fake_readings": self.rows(columns=f"{', '.join(READINGS)}, {lineage}"),
            "fake_people": self.rows("fake_people", f"{', '.join(PEOPLE)}, {lineage}"),
            "landed_files": self.warehouse.query(
                "select source, table_name, lake_key, sha256, bytes, rows from raw.landed_files order by lake_key, rows"
            ),
            "pseudonyms": self.warehouse.query(
                "select original, pseudonym, key_id from raw.pseudonyms order by original, pseudonym, key_id"
            ),
        }
