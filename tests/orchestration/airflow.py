"""A real Airflow on a house of its own: started as `make airflow` starts it, spoken to over its REST API."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.conftest import TestWarehouse
from tests.end_to_end.conftest import OURS, ROOT

START_SECONDS = 300
RUN_SECONDS = 1200


def environment(warehouse: TestWarehouse, **more: str) -> dict[str, str]:
    """For every program of the house; nothing of the person who runs the tests."""
    ours = (*OURS, "AIRFLOW", "ALERT_", "SMTP_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    folder = Path(warehouse.env["METERHOUSE_DATA"]).parent
    return {
        **inherited,
        **warehouse.env,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PSEUDONYM_KEY": "00112233445566778899aabbccddeeff",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "METERHOUSE_MANIFEST": str(folder / "manifest" / "manifest.json"),
        "AIRFLOW_RETRY_SECONDS": "1",
        "COLUMNS": "160",
        **more,
    }


def metadata(server: Mapping[str, str]) -> dict[str, str]:
    """Airflow's own database on PostgreSQL, as in production. Without it, it is SQLite, as with `make airflow`."""
    address = f"{server['PGUSER']}:{server['PGPASSWORD']}@{server['PGHOST']}:{server['PGPORT']}/{server['PGDATABASE']}"
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}"}


@dataclass
class Airflow:
    """One that runs. Names of runs and tasks are Airflow's own."""

    env: dict[str, str]
    address: str
    home: Path
    token: str
    login: dict[str, str]
    """As its REST API takes it: username and password."""

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        answer = requests.request(
            method, f"{self.address}/api/v2/{path}", headers={"Authorization": f"Bearer {self.token}"}, timeout=30,
            **arguments,
        )  # fmt: skip
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def cli(self, *arguments: str) -> str:
        program = str(Path(sys.executable).with_name("airflow"))
        done = subprocess.run([program, *arguments], env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dags(self) -> list[str]:
        return sorted(dag["dag_id"] for dag in self.api("GET", "dags?limit=100")["dags"])

    def unpause(self, *dags: str) -> None:
        """As soon as each has been parsed."""
        for dag in dags:
            self.until(lambda dag=dag: dag in self.dags())
            self.api("PATCH", f"dags/{dag}", json={"is_paused": False})

    def trigger(self, dag: str, **conf: Any) -> str:
        return str(self.api("POST", f"dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Oldest first; none of a DAG that has not been parsed yet."""
        known = {one["dag_id"] for one in self.api("GET", "dags?limit=100")["dags"]}
        if dag not in known:
            return []
        return list(self.api("GET", f"dags/{dag}/dagRuns?limit=100&order_by=run_after")["dag_runs"])

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        """Task instances of a run by task id."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            page = self.api("GET", f"dags/{dag}/dagRuns/{run}/taskInstances?limit=100&offset={len(found)}")
            found.update({task["task_id"]: task for task in page["task_instances"]})
            if len(found) >= page["total_entries"]:
                return found

    def ended(self, dag: str, run: str) -> str:
        """The state in which the run ended."""
        ends = ("success", "failed")
        one = self.until(lambda: found if (found := self._run(dag, run))["state"] in ends else None)
        return str(one["state"])

    def _run(self, dag: str, run: str) -> dict[str, Any]:
        return dict(self.api("GET", f"dags/{dag}/dagRuns/{run}"))

    def until(self, what: Any, seconds: float = RUN_SECONDS) -> Any:
        """What it returns once that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(1)
        raise AssertionError(f"not within {seconds} s\n{self.tail()}")

    def quiet(self, *dags: str) -> bool:
        """Whether no run of these is under way. One call: it is asked often, and costs what is waited for."""
        under_way = self.api("GET", "dags/~/dagRuns?limit=100&state=queued&state=running")["dag_runs"]
        return not any(run["dag_id"] in dags for run in under_way)

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        path = self.home / "logs" / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}" / f"attempt={attempt}.log"
        return path.read_text(encoding="utf-8")

    def tail(self) -> str:
        return "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-600:]}" for path in self.home.glob("logs/*.log")
        )


@contextmanager
def running(env: Mapping[str, str], world: Path) -> Iterator[Airflow]:
    """`make airflow`, without make: the sample world served, Airflow on a free port; stopped at the end."""
    home = Path(env["METERHOUSE_DATA"]) / "airflow"
    command = [
        sys.executable, "-m", "simulator", "run", "--world", str(world), "--env-file", str(home / "none"), "--",
        sys.executable, "-m", "orchestration", "up", "--port", "0",
    ]  # fmt: skip
    said = Path(env["METERHOUSE_DATA"]).parent / "airflow.said"
    with said.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(env), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"Airflow is at (\S+)\n\s+user (\S+), password (\S+)", said.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.5)
        address, user, password = found.groups()
        login = {"username": user, "password": password}
        token = requests.post(f"{address}/auth/token", json=login, timeout=30).json()["access_token"]
        port = address.rsplit(":", 1)[1]
        # What its command line must know to reach the same Airflow.
        from orchestration.local import settings

        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(env)
        try:
            everything = settings(int(port))
        finally:
            os.environ.clear()
            os.environ.update(before)
        yield Airflow(everything, address, home, token, login)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(150)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def children(command: str, data: str) -> list[int]:
    """Process ids of running programs whose command line has these words and whose METERHOUSE_DATA is this folder:
    another worker may run the same command for another house."""
    # Twice wide: without it, a COLUMNS in the environment cuts the command lines off.
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    found = [int(line.split()[0]) for line in listed.splitlines() if command in line and "ps -ewwo" not in line]
    return [process for process in found if f"METERHOUSE_DATA={data}" in _environment_of(process)]


def _environment_of(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/environ").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []  # it has ended meanwhile


def told(hook: Any) -> list[tuple[str, str, str]]:
    return [(one["event"], one["severity"], one["key"]) for one in hook.documents]
