"""How long 20 readers of the API wait, with nothing else going on and while a whole build runs beside them.

The house is the sample world's, landed and published in a folder of its own. Each reader asks one address after another
over a connection of its own; `hot` repeats the same questions, `cold` asks another each time, so that nothing is kept.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from serving.api.keys import Keys

ROOT = Path(__file__).resolve().parent.parent
READERS = 20
HOT = (
    "status", "nodes", "anomalies?hours=168", "network/metrics", "network/efficiency?time_range=30d",
    "consumption/daily?first_day=2021-03-01", "bills/monthly", "weather/daily?limit=100", "quality/conservation",
    "capacity/best-available?gas_day=2021-04-05", "agreements?reference_date=2021-03-01",
)  # fmt: skip


@dataclass
class Waited:
    """What the readers of one round met; times in seconds."""

    name: str
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The wait below which that share of the answers stayed."""
        return statistics.quantiles(self.waits, n=1000, method="inclusive")[int(share * 1000) - 1]


def cold(seed: int) -> Iterator[str]:
    """Questions that were not asked before."""
    choose = random.Random(seed)
    while True:
        limit, day = choose.randint(50, 999), choose.randint(1, 28)
        yield choose.choice(
            (
                f"consumption/half-hourly?since=2021-03-{day:02}T00:00:00Z&limit={limit}",
                f"consumption/daily?first_day=2021-03-{day:02}&limit={limit}",
                f"weather/daily?first_day=2021-03-{day:02}&limit={limit}",
                f"capacity?gas_day=2021-03-{max(day, 12):02}&limit={limit}",
                f"bills/monthly?limit={limit}",
                f"anomalies?hours={limit}",
            )
        )


def read(address: str, key: str, name: str, seconds: float) -> Waited:
    """Twenty readers for so long."""
    waited, guard = Waited(name), threading.Lock()
    began = time.monotonic()

    def one(number: int) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {key}"
        asked = itertools.cycle(HOT[number % len(HOT) :] + HOT[: number % len(HOT)]) if name == "hot" else cold(number)
        for path in asked:
            if time.monotonic() - began > seconds:
                return
            start = time.perf_counter()
            try:
                answer = session.get(f"{address}/api/v1/{path}", timeout=30)
                wrong = "" if answer.status_code == 200 else f"{answer.status_code} {path}"
            except requests.RequestException as error:
                wrong = type(error).__name__
            took = time.perf_counter() - start
            with guard:
                waited.waits.append(took)
                waited.failures += [wrong] if wrong else []

    threads = [threading.Thread(target=one, args=(number,)) for number in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waited.seconds = time.monotonic() - began
    return waited


@contextmanager
def served(env: dict[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """(address, key) of an API on the house."""
    key = Keys(folder / "data" / "api" / "keys.json").add("bench", "reader")
    said = folder / "api.said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.api", "serve", "--port", "0"], cwd=ROOT, stdout=out, stderr=out,
            env={**env, "API_CALLS_PER_MINUTE": "1000000"},
        )  # fmt: skip
    try:
        while not (found := re.search(r"The API is at (\S+),", said.read_text())):
            if process.poll() is not None:
                raise RuntimeError(said.read_text())
            time.sleep(0.1)
        yield found.group(1), key
    finally:
        process.terminate()
        process.wait(30)


def measured(root: Path, seconds: float = 20.0) -> list[Waited]:
    """Hot and cold alone, then cold beside a whole build. Raises CalledProcessError when the house cannot be made."""
    folder = root / "readers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    env = {
        **os.environ,
        "WAREHOUSE": "duckdb",
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
        "METERHOUSE_DATA": str(folder / "data"),
        "LAKE_URL": str(folder / "lake"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    python = [sys.executable, "-m"]
    for command in (
        [*python, "simulator", "run", "--", *python, "ingestion", "land", "all"], [*python, "publishing", "build"],
    ):  # fmt: skip
        subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    rounds = []
    with served(env, folder) as (address, key):
        read(address, key, "hot", 3)
        rounds = [read(address, key, "hot", seconds), read(address, key, "cold", seconds)]
        build = subprocess.Popen([*python, "publishing", "build"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        while build.poll() is None:
            rounds.append(read(address, key, "cold", seconds / 2))
            rounds[-1].name = "cold, beside a build"
            rounds.append(read(address, key, "hot", seconds / 2))
            rounds[-1].name = "hot, beside a build"
        if build.returncode:
            raise subprocess.CalledProcessError(build.returncode, build.args)
    return rounds
