"""A small warehouse of either engine: one file landed, marts as dbt leaves them, published; with its commands."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ingestion.settings import ROOT
from tests.conftest import TestWarehouse
from tests.ingestion.house import PEOPLE
from tests.ingestion.house import House as LandingHouse
from tests.operations.commands import operate
from tests.publishing.conftest import made_build, published


@dataclass(frozen=True)
class SmallHouse:
    """`landing` delivers and lands files of the fake source; `folder` is for whatever a test needs."""

    warehouse: TestWarehouse
    landing: LandingHouse
    folder: Path

    @property
    def engine(self) -> str:
        return self.warehouse.engine

    @property
    def data(self) -> Path:
        return Path(self.warehouse.env["METERHOUSE_DATA"])

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def env(self) -> dict[str, str]:
        return {**self.warehouse.env, "FAKE_FOLDER": str(self.landing.folder)}

    def land(self, code: int = 0) -> str:
        """Lands what was delivered, with the key file of the data folder."""
        done = self.landing.run("land", "fake", PSEUDONYM_KEY="")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def operate(self, *arguments: str, code: int | None = 0, **more: str) -> subprocess.CompletedProcess[str]:
        return operate(self.env, *arguments, code=code, **more)

    def backup(self, *arguments: str) -> Path:
        """Makes a backup and gives its folder, the last line that is said."""
        return Path(self.operate("backup", *arguments).stdout.splitlines()[-1])

    def publish(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "publishing"],
            cwd=ROOT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def content(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row that a restore must bring back."""
        tables = ("raw.fake_readings", "raw.fake_people", "raw.pseudonyms", "raw.landed_files", "marts.monthly_billing",
                  "marts.dim_products", "ledger.load_history", "ledger.build_runs")  # fmt: skip
        found = {name: sorted(self.warehouse.query(f"select * from {name}"), key=repr) for name in tables}
        found["published"] = sorted(published(self.warehouse, "select * from {}monthly_billing"), key=repr)
        return found


def small_house_in(warehouse: TestWarehouse, folder: Path) -> SmallHouse:
    return SmallHouse(warehouse, LandingHouse(warehouse, folder), folder)


def made(warehouse: TestWarehouse, folder: Path) -> SmallHouse:
    """The first of its engine, from nothing."""
    house = small_house_in(warehouse, folder)
    house.landing.deliver("a", [("m1", "2026-01-01T00:00:00Z", "1.5"), ("m1", "2026-01-01T00:30:00Z", "2.5")])
    house.landing.deliver("p", [("1", "Ada Müller", "it's \\N")], PEOPLE, "fake_people")
    house.land()
    made_build(warehouse, 1)
    house.publish()
    return house
