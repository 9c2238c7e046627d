"""Prometheus with its rules, and what Grafana shows: by Prometheus' own programs where they are installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests.deployment import compose
from tests.deployment.compose import ROOT
from tests.deployment.machine import Machine

FOLDER = ROOT / "deployment" / "prometheus"
SERVICES = compose.load()["services"]
BOARDS = sorted((ROOT / "deployment" / "grafana" / "dashboards").glob("*.json"))
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]]
with_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool here: install Debian's prometheus"
)
# Of prometheuscommunity/postgres-exporter v0.20.1, without settings of its own; read from its source.
EXPORTED = {
    "pg_up", "pg_database_size_bytes", "pg_settings_max_connections", "pg_stat_database_numbackends",
    "pg_stat_database_deadlocks", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback",
}  # fmt: skip


def promtool(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)


@with_promtool
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    done = promtool("test", "rules", FOLDER / "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
def test_a_rule_that_is_broken_fails_its_test(tmp_path: Path) -> None:
    """So that the test above cannot pass for nothing: every rule, turned round, fails it."""
    shutil.copy(FOLDER / "rules_test.yml", tmp_path)
    text = (FOLDER / "rules.yml").read_text()
    for rule in RULES:
        content = yaml.safe_load(text)
        for turned in (one for group in content["groups"] for one in group["rules"]):
            if turned["alert"] == rule["alert"]:
                turned["expr"] = f"({turned['expr']}) and vector(0) == 1"
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(content))
        assert promtool("test", "rules", tmp_path / "rules_test.yml").returncode != 0, rule["alert"]


@with_promtool
def test_the_configuration_is_valid() -> None:
    done = promtool("check", "config", FOLDER / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def running(new_machine: Callable[..., Machine]) -> Iterator[Machine]:
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here: install Debian's prometheus")
    machine = new_machine()
    # The image's entrypoint is the program itself.
    machine.services = {**machine.services, "prometheus": {**SERVICES["prometheus"], "entrypoint": ["prometheus"]}}
    for name, port in (("statsd-exporter", 9102), ("warehouse-exporter", 9187), ("api", 8000)):
        machine.stand_in(name, port, machine.ports[name, port])
    machine.up("prometheus")
    yield machine
    machine.close()


def test_prometheus_starts_with_the_files_command_and_loads_the_rules(running: Machine) -> None:
    base = f"http://127.0.0.1:{running.ports['prometheus', 9090]}"
    groups = requests.get(f"{base}/api/v1/rules", timeout=30).json()["data"]["groups"]
    loaded = [rule["name"] for group in groups for rule in group["rules"]]
    assert sorted(loaded) == sorted(rule["alert"] for rule in RULES)
    jobs: set[str] = set()
    deadline = time.monotonic() + 120  # it looks for targets some seconds after it says that it is ready
    while jobs != {"prometheus", "airflow", "api", "warehouse"} and time.monotonic() < deadline:
        targets = requests.get(f"{base}/api/v1/targets", timeout=30).json()["data"]["activeTargets"]
        jobs = {target["labels"]["job"] for target in targets}
        time.sleep(0.2)
    assert jobs == {"prometheus", "airflow", "api", "warehouse"}
    assert running.health("prometheus").returncode == 0


def test_a_prometheus_that_is_gone_is_not_ready(running: Machine) -> None:
    assert running.stop("prometheus") == 0
    assert running.health("prometheus").returncode != 0


def test_what_prometheus_asks_is_a_port_of_a_service_in_its_network() -> None:
    content = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    each = [one for job in content["scrape_configs"] for one in job["static_configs"]]
    targets = [target for one in each for target in one["targets"]]
    assert "localhost:9090" in targets
    for target in targets:
        name, port = target.split(":")
        if name != "localhost":
            assert port in {str(entry).split("/")[0] for entry in SERVICES[name]["expose"]}
            assert set(SERVICES[name]["networks"]) & set(SERVICES["prometheus"]["networks"])


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
        for service in re.findall(r"docker compose (?:logs|exec) ([\w-]+)", rule["annotations"]["action"]):
            assert service in SERVICES


def test_grafana_finds_its_data_source_and_its_boards() -> None:
    folder = ROOT / "deployment" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((folder / "dashboards" / "meterhouse.yaml").read_text())["providers"]
    mounted = {entry["target"]: entry["source"] for entry in SERVICES["grafana"]["configs"]}
    files = {name: entry["file"] for name, entry in compose.load()["configs"].items()}
    for board in BOARDS:
        target = f"{provider['options']['path']}/{board.name}"
        assert files[mounted[target]] == str(board.relative_to(ROOT))
        content = json.loads(board.read_text())
        assert {panel["datasource"]["uid"] for panel in content["panels"]} == {source["uid"]}
        identities = [panel["id"] for panel in content["panels"]]
        assert len(identities) == len(set(identities))


def expressions() -> list[str]:
    found = [rule["expr"] for rule in RULES]
    for board in BOARDS:
        found += [target["expr"] for panel in json.loads(board.read_text())["panels"] for target in panel["targets"]]
    return found


def test_boards_and_alerts_ask_for_metrics_that_exist() -> None:
    """Airflow's are held to what it really sends by test_airflow.py, the API's by test_metrics.py."""
    asked = {name for text in expressions() for name in re.findall(r"\bpg_\w+", text)}
    assert asked == EXPORTED
    # Whatever is left is Prometheus' own.
    words = {name for text in expressions() for name in re.findall(r"\b([a-z]+_\w+|up|ALERTS)\b", text)}
    left = {name for name in words if not name.startswith(("airflow_", "pg_", "meterhouse_"))}
    assert left == {"up", "ALERTS", "pool_name", "histogram_quantile"}


@with_promtool
def test_every_expression_of_a_board_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"board:{number}", "expr": text} for number, text in enumerate(expressions())]
    (tmp_path / "boards.yml").write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    done = promtool("check", "rules", tmp_path / "boards.yml")
    assert done.returncode == 0, done.stdout + done.stderr
