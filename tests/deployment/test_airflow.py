"""Airflow's services as the file starts them, after all they wait for: a task really runs, and each health check tells.

Started once for all tests here: an Airflow process costs 5 to 15 CPU seconds before it does anything.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from moto.server import ThreadedMotoServer

from tests.deployment.compose import ROOT
from tests.deployment.machine import Machine, free_port, postgres_binaries

pytestmark = pytest.mark.skipif(
    postgres_binaries() is None,
    reason="no PostgreSQL with TLS here (the wheel's has none): install Debian's postgresql",
)

AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
SECONDS = 240

# What a task sees: written down by the task itself, since it runs in a process of the scheduler's.
DAG = """
import json, os
from pathlib import Path
from airflow.sdk import dag, task

@dag(schedule=None, catchup=False)
def deployment():
    @task(pool="warehouse")
    def look():
        from ingestion import warehouse
        (who,) = warehouse.query("select current_user::text, ssl from pg_stat_ssl where pid = pg_backend_pid()")
        import s3fs
        s3fs.S3FileSystem().pipe("lake/raw/delivered.json", b"{}")
        Path(os.environ["METERHOUSE_DATA"], "seen.json").write_text(json.dumps({
            "who": who, "pseudonym_key": len(os.environ["PSEUDONYM_KEY"]), "telemetry": os.environ["DO_NOT_TRACK"],
        }))

    @task(pool="warehouse", trigger_rule="all_done")
    def fail():
        raise ValueError("as planned")

    look() >> fail()

deployment()
"""


class Statsd:
    """Listens where the StatsD exporter would, and keeps the names of metrics with their labels."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = int(self.socket.getsockname()[1])
        self.seen: dict[str, set[str]] = {}
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while not self.done.is_set():
            try:
                packet = self.socket.recv(65535).decode()
            except TimeoutError:
                continue
            for line in packet.splitlines():
                name, *labels = line.rsplit(":", 1)[0].split(",")
                # As statsd_exporter names what no mapping names.
                translated = name.replace(".", "_").replace("-", "_")
                self.seen.setdefault(translated, set()).update(label.split("=")[0] for label in labels)

    def close(self) -> None:
        self.done.set()
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def statsd() -> Iterator[Statsd]:
    listener = Statsd()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def machine(
    new_machine: Callable[..., Machine], statsd: Statsd, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    machine = new_machine()
    dags = tmp_path_factory.mktemp("dags")
    (dags / "deployment.py").write_text(DAG)
    (dags / "broken.py").write_text("import no_such_module\nfrom airflow.sdk import dag\n")
    machine.extra["/app/orchestration/dags"] = dags
    store = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    store.start()
    machine.stand_in("object-store", 7070, store.get_host_and_port()[1])
    machine.stand_in("statsd-exporter", 9125, statsd.port)
    started = machine.up(*AIRFLOW)
    assert started.index("airflow-init") < started.index("airflow-api-server") < started.index("airflow-scheduler")
    assert {"preflight", "warehouse-roles", "lake-bucket"} <= set(started)
    yield machine
    machine.close()
    store.stop()


@pytest.fixture(scope="module")
def api(machine: Machine) -> Callable[..., requests.Response]:
    """Calls of the REST API, as the administrator that the first start made."""
    base = f"http://127.0.0.1:{machine.ports['airflow-api-server', 8080]}"
    password = (machine.secrets / "airflow_admin_password").read_text().strip()
    answer = requests.post(f"{base}/auth/token", json={"username": "admin", "password": password}, timeout=60)
    assert answer.status_code == 201, answer.text
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def call(method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, f"{base}{path}", timeout=60, headers=more.pop("headers", bearer), **more)

    return call


@pytest.fixture(scope="module")
def ended_run(api: Callable[..., requests.Response], machine: Machine) -> dict[str, str]:
    """The states of the tasks of one run of the DAG above."""
    deadline = time.monotonic() + SECONDS
    while api("GET", "/api/v2/dags/deployment").status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert api("PATCH", "/api/v2/dags/deployment", json={"is_paused": False}).status_code == 200
    run = api("POST", "/api/v2/dags/deployment/dagRuns", json={"logical_date": None})
    assert run.status_code == 200, run.text
    path = f"/api/v2/dags/deployment/dagRuns/{run.json()['dag_run_id']}"
    while api("GET", path).json()["state"] not in ("success", "failed"):
        assert time.monotonic() < deadline, machine.log("airflow-scheduler").read_text()[-4000:]
        time.sleep(0.5)
    tasks = api("GET", f"{path}/taskInstances").json()["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


@pytest.mark.parametrize("name", AIRFLOW)
def test_a_service_that_runs_is_healthy_and_one_that_is_asked_elsewhere_is_not(machine: Machine, name: str) -> None:
    asked = machine.health(name)
    assert asked.returncode == 0, asked.stderr
    *words, last = machine.health_command(name)
    if last.startswith("http"):
        wrong = [*words, f"http://127.0.0.1:{free_port()}/health"]
    else:
        wrong = [*words, "no_such_component"]
    assert machine.inside(name, *wrong).returncode == 1


def test_a_task_runs_in_the_scheduler_with_the_warehouse_and_the_lake(
    machine: Machine, ended_run: dict[str, str]
) -> None:
    """Through the API server, with the token that all services share the secret of."""
    assert ended_run == {"look": "success", "fail": "failed"}
    seen = json.loads((machine.mounts("airflow-scheduler")["/data"] / "seen.json").read_text())
    assert seen == {"who": ["meterhouse_loader", True], "pseudonym_key": 64, "telemetry": "1"}


def test_the_metadata_database_is_reached_by_tls_only(machine: Machine, ended_run: dict[str, str]) -> None:
    import psycopg2

    connection = psycopg2.connect(
        host="localhost",
        port=machine.ports["airflow-database", 5432],
        dbname="airflow",
        user="airflow",
        password=(machine.secrets / "airflow_database_password").read_text().strip(),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select ssl, count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid) "
            "where datname = 'airflow' and client_port > 0 group by ssl"
        )
        found = cursor.fetchall()
    connection.close()
    assert found == [(True, True)]


def test_the_pool_of_the_warehouse_has_one_slot(api: Callable[..., requests.Response]) -> None:
    assert api("GET", "/api/v2/pools/warehouse").json()["slots"] == 1


def test_nobody_gets_in_without_the_password_of_the_secret(api: Callable[..., requests.Response]) -> None:
    assert api("GET", "/api/v2/dags", headers={}).status_code == 401
    for given in ({}, {"username": "admin", "password": "admin"}, {"username": "airflow", "password": "airflow"}):
        refused = api("POST", "/auth/token", json=given, headers={})
        assert refused.status_code in (400, 401), (given, refused.status_code)
    forged = {"Authorization": "Bearer eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiIxIn0.AAAA"}
    assert api("GET", "/api/v2/dags", headers=forged).status_code in (401, 403)


def test_the_user_of_our_api_starts_runs_and_manages_nothing(
    api: Callable[..., requests.Response], machine: Machine, ended_run: dict[str, str]
) -> None:
    password = (machine.secrets / "airflow_api_user_password").read_text().strip()
    token = api("POST", "/auth/token", json={"username": "api", "password": password}, headers={})
    assert token.status_code == 201, token.text
    as_user = {"Authorization": f"Bearer {token.json()['access_token']}"}
    started = api("POST", "/api/v2/dags/deployment/dagRuns", json={"logical_date": None}, headers=as_user)
    assert started.status_code == 200, started.text
    path = f"/api/v2/dags/deployment/dagRuns/{started.json()['dag_run_id']}"
    assert api("GET", path, headers=as_user).json()["dag_id"] == "deployment"
    for method, place, body in (
        ("POST", "/api/v2/pools", {"name": "mine", "slots": 1}),
        ("POST", "/api/v2/variables", {"key": "mine", "value": "x"}),
        ("POST", "/api/v2/connections", {"connection_id": "mine", "conn_type": "generic"}),
    ):
        assert api(method, place, json=body, headers=as_user).status_code == 403, place
    assert api("DELETE", path).status_code in (204, 409)


def test_a_command_that_is_typed_into_a_running_service_has_its_secrets(
    machine: Machine, ended_run: dict[str, str]
) -> None:
    """`docker compose exec` passes by the entrypoint; the alert on files that cannot be read advises just this."""
    listed = machine.inside("airflow-dag-processor", "airflow", "dags", "list-import-errors", "--output", "json")
    errors = json.loads(listed.stdout[listed.stdout.index("[{") :])
    assert [Path(error["filepath"]).name for error in errors] == ["broken.py"]
    assert "No module named 'no_such_module'" in errors[0]["error"]


def test_logs_of_a_task_are_read_from_the_shared_volume(
    api: Callable[..., requests.Response], ended_run: dict[str, str]
) -> None:
    # A run that another test began may still be there: Airflow deletes none that is under way.
    run, *_ = api("GET", "/api/v2/dags/deployment/dagRuns", params={"order_by": "id"}).json()["dag_runs"]
    path = f"/api/v2/dags/deployment/dagRuns/{run['dag_run_id']}/taskInstances/fail/logs/1"
    assert "as planned" in api("GET", path, params={"full_content": "true"}).text


def test_no_secret_stands_in_a_log(machine: Machine, ended_run: dict[str, str]) -> None:
    logs = [path for path in machine.folder.rglob("*.log") if path.is_file()]
    said = "".join(path.read_text(errors="replace") for path in logs)
    assert "as planned" in said
    secrets = {path.name: path.read_text().strip() for path in machine.secrets.iterdir()}
    assert [name for name, value in secrets.items() if value in said] == []


def test_nothing_was_written_outside_of_volumes_and_memory(machine: Machine, ended_run: dict[str, str]) -> None:
    """The root file system is read-only in a container: here that is the tree, and the folder it all began in."""
    ours = {"services", "volumes", "bound", "home", "tools"}
    written = {path.name for path in machine.folder.iterdir() if path.suffix != ".log"} - ours
    assert written == set()
    assert list((machine.folder / "home").iterdir()) == []
    generated = machine.mounts("airflow-scheduler")["/var/lib/airflow"] / "airflow.cfg"
    assert generated.exists(), "AIRFLOW_HOME is where it should be"


def expressions() -> Iterator[str]:
    for group in yaml.safe_load((ROOT / "deployment/prometheus/rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for board in (ROOT / "deployment/grafana/dashboards").glob("*.json"):
        for panel in json.loads(board.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def test_every_metric_that_is_watched_is_one_that_airflow_sends(
    machine: Machine, statsd: Statsd, ended_run: dict[str, str]
) -> None:
    import re

    watched = {name for text in expressions() for name in re.findall(r"\bairflow_\w+", text)}
    assert {"airflow_scheduler_heartbeat", "airflow_ti_failures", "airflow_pool_open_slots"} <= watched
    deadline = time.monotonic() + SECONDS
    while watched - set(statsd.seen) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert watched - set(statsd.seen) == set()
    assert "pool_name" in statsd.seen["airflow_pool_open_slots"]
    # A label with the run in it would make a new series of each run.
    assert [name for name, labels in statsd.seen.items() if "run_id" in labels] == []


def test_the_second_start_changes_nothing(machine: Machine, api: Callable[..., requests.Response]) -> None:
    again = machine.run("airflow-init")
    assert again.returncode == 0, again.stdout[-2000:]
    assert "admin already exists in the db" in again.stdout
    assert api("GET", "/api/v2/dags").status_code == 200
    assert "bucket lake is there" in machine.run("lake-bucket").stdout


def test_a_scheduler_that_is_gone_is_not_healthy(machine: Machine, ended_run: dict[str, str]) -> None:
    machine.stop("airflow-scheduler")
    assert machine.health("airflow-scheduler").returncode == 1
