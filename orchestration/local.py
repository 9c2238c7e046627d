"""Airflow on this machine, for one person: its components under one supervisor, which ends them all when one ends.

Airflow's own `standalone` leaves its children behind when it is told to stop. Everything lies in
<METERHOUSE_DATA>/airflow: logs, secrets that are made once, the password, and the metadata database, which is SQLite
unless AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names another.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from ingestion.errors import ConfigurationError, LandingError
from ingestion.settings import LandingSettings, absolute, read
from ingestion.warehouse import WarehouseSettings
from orchestration.project import POOL, ROOT, manifest_path

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
USER = "admin"
START_SECONDS = 300
STOP_SECONDS = 90


class NotStarted(LandingError):
    """Airflow did not come up, or a component of it ended."""


def make_manifest() -> Path:
    """dbt's manifest for the DAGs, from the project as it stands. Raises NotStarted with dbt's words."""
    path = manifest_path()
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "parse", "--target-path", str(path.parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotStarted("MANIFEST", f"dbt could not read the project:\n{done.stdout}{done.stderr}")
    return path


def home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or read(LandingSettings).data / "airflow")


def settings(port: int) -> dict[str, str]:
    """The environment of every component: the machine's, what `airflow.env` says, and what is of this machine."""
    folder = home()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    address = f"http://127.0.0.1:{port}"
    shared = {name: text for name, text in dotenv_values(ROOT / "orchestration" / "airflow.env").items() if text}
    ours = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestration" / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": os.environ.get(
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "False"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "password.json"),
        # Its processes write to one file, each waiting for the others. Where two have read before they write, SQLite
        # refuses one at once: a long backfill is better started on PostgreSQL.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
        or f"sqlite:///{folder}/airflow.db?timeout=60",
        "AIRFLOW__CORE__FERNET_KEY": _secret(folder, "fernet"),
        "AIRFLOW__API__SECRET_KEY": _secret(folder, "session"),
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(folder, "token"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "METERHOUSE_DATA": str(read(LandingSettings).data),
        "WAREHOUSE_PATH": str(absolute(read(WarehouseSettings).warehouse_path)),
        "METERHOUSE_MANIFEST": str(manifest_path()),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return {**os.environ, **{n: t for n, t in shared.items() if n not in os.environ}, **ours}


def up(port: int) -> None:
    """Starts Airflow, says where it is, and stays until it is told to stop. Raises NotStarted."""
    if (port := port or _free_port()) and _taken(port):
        raise ConfigurationError("CONFIG_SETTING", f"port {port} is taken; choose another with --port")
    make_manifest()
    given = settings(port)
    _airflow(given, "db", "migrate")
    _airflow(given, "pools", "set", POOL, "1", "One slot: whatever opens the warehouse takes it")
    with _components(given) as processes:
        print(f"\nAirflow is at {given['AIRFLOW__API__BASE_URL']}", flush=True)
        print(f"  user {USER}, password {_password(given)}", flush=True)
        print(f"  logs in {home() / 'logs'}; stop with Ctrl-C\n", flush=True)
        while True:
            _still_running(processes)
            time.sleep(1)


@contextmanager
def _components(given: dict[str, str]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The components, each in a session of its own with a log of its own; all have ended when this has.

    A scheduler that is up before the API server answers starts tasks that cannot say they begin, and so fail.
    """
    logs = home() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        for name in COMPONENTS:
            with (logs / f"{name}.log").open("ab") as log:
                processes[name] = subprocess.Popen(
                    [_program(), name], env=given, cwd=home(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
            if name == "api-server":
                _until_healthy(processes, given, {"metadatabase"})
        _until_healthy(processes, given)
        yield processes
    except KeyboardInterrupt:
        print("Stopping Airflow", flush=True)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # The scheduler first, so that its tasks can still tell the server how they ended.
        for name in ("scheduler", "triggerer", "dag-processor", "api-server"):
            if name in processes:
                _end(processes[name])
        signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        break
    # What it forked and did not wait for.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _until_healthy(
    processes: dict[str, subprocess.Popen[bytes]], given: dict[str, str], parts: Container[str] | None = None
) -> None:
    """Until what Airflow's health tells of is healthy, or those parts of it that are named. Raises NotStarted."""
    deadline = time.monotonic() + START_SECONDS
    sick = "nothing answers"
    while time.monotonic() < deadline:
        _still_running(processes)
        try:
            with urllib.request.urlopen(
                f"{given['AIRFLOW__API__BASE_URL']}/api/v2/monitor/health", timeout=5
            ) as answer:
                health = json.loads(answer.read())
        except (urllib.error.URLError, OSError, ValueError):
            time.sleep(1)
            continue
        waited = {name: part for name, part in health.items() if parts is None or name in parts}
        sick = ", ".join(sorted(name for name, part in waited.items() if (part or {}).get("status") != "healthy"))
        if not sick:
            return
        time.sleep(1)
    raise NotStarted("AIRFLOW_SICK", f"not healthy after {START_SECONDS} s: {sick}; see {home() / 'logs'}")


def _still_running(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            log = home() / "logs" / f"{name}.log"
            raise NotStarted("AIRFLOW_ENDED", f"the {name} ended with exit code {process.returncode}; see {log}")


def _airflow(given: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([_program(), *arguments], env=given, cwd=home(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotStarted(
            "AIRFLOW_SETUP", f"airflow {' '.join(arguments[:2])} failed:\n{(done.stdout + done.stderr)[-2000:]}"
        )


def _program() -> str:
    return str(Path(sys.executable).with_name("airflow"))


def _secret(folder: Path, name: str) -> str:
    """Made once, readable by its owner only; 32 bytes in the letters that Fernet wants."""
    path = folder / f"{name}.secret"
    if not path.exists():
        from base64 import urlsafe_b64encode

        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(urlsafe_b64encode(secrets.token_bytes(32)))
    return path.read_text(encoding="ascii")


def _password(given: dict[str, str]) -> str:
    path = Path(given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    path.chmod(0o600)
    return str(json.loads(path.read_text(encoding="utf-8"))[USER])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
