"""What docker-compose.yaml promises of every service, read from the file as Compose reads it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deployment import compose
from tests.deployment.compose import COMPOSE, ROOT, Service

FILES = [COMPOSE, ROOT / "deployment" / "sample.yaml"]
SERVICES: dict[str, Service] = compose.load()["services"]
ONE_SHOTS = compose.one_shots(SERVICES)
READERS = {"dashboard", "api"}
# Its start writes into its own code; the reason stands beside it.
WRITES_ITS_ROOT = {"pgadmin"}
WRITERS = {
    "warehouse", "airflow-database", "object-store", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "prometheus", "grafana", "pgadmin", "api", "dashboard",
}  # fmt: skip
AIRFLOW = [name for name, service in SERVICES.items() if "AIRFLOW_HOME" in service.get("environment", {})]
every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_the_files_follow_the_compose_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", *FILES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_docker_compose_reads_the_file_as_these_tests_do() -> None:
    """Merge keys, variables, files of settings: by the real reader, where it is installed. Needs no engine."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no docker compose here: the file was only checked against the schema")
    command = ["docker", "compose", "--profile", "*", "--file", COMPOSE, "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["services"]
    assert set(read) == set(SERVICES)
    for name, service in SERVICES.items():
        assert (read[name].get("entrypoint"), read[name].get("command")) == (
            service.get("entrypoint"),
            [str(word) for word in service["command"]] if "command" in service else None,
        )
        ours = compose.environment(service)
        assert {variable: read[name]["environment"][variable] for variable in ours} == ours
        conditions = {other: entry["condition"] for other, entry in read[name].get("depends_on", {}).items()}
        assert conditions == compose.needed(service)
        assert read[name]["restart"] == service["restart"]
        assert read[name].get("healthcheck", {}).get("test") == service.get("healthcheck", {}).get("test")
        assert [secret["source"] for secret in read[name].get("secrets", [])] == service.get("secrets", [])


def test_the_services_are_the_ones_that_are_meant() -> None:
    assert set(SERVICES) == {
        "preflight", "warehouse", "warehouse-roles", "object-store", "lake-bucket", "airflow-database", "airflow-init",
        "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "docs", "dashboard",
        "api", "redis", "statsd-exporter", "warehouse-exporter", "prometheus", "grafana", "pgadmin",
    }  # fmt: skip
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"dashboard": ["serving"], "pgadmin": ["tools"]}
    assert sorted(ONE_SHOTS) == ["airflow-init", "lake-bucket", "preflight", "warehouse-roles"]


@every_service
def test_a_service_has_a_health_check_or_ends(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOTS:
        assert "healthcheck" not in service
        assert service["restart"] in ("no", "on-failure:3")
    else:
        assert service["healthcheck"]["test"][0] == "CMD", "no shell that could be missing in an image"
        assert service["restart"] == "unless-stopped"


@every_service
def test_a_service_runs_with_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    user, _, group = str(service["user"]).partition(":")
    # Two images keep their files in group 0; the user is what counts.
    assert int(user) > 0
    assert int(group) > 0 or name in ("grafana", "pgadmin")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name not in WRITES_ITS_ROOT)
    assert service.get("privileged") is None
    assert service.get("cap_add") is None
    assert service.get("pid") is None
    assert service.get("network_mode") in (None, "none")


@every_service
def test_a_service_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] >= 256
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    for entry in service.get("tmpfs", []):
        assert "size=" in entry, "memory of the machine, without an end"


@every_service
def test_what_writes_has_a_minute_to_end(name: str) -> None:
    service = SERVICES[name]
    if name in WRITERS:
        assert service["stop_grace_period"] == "60s"
    elif name not in ONE_SHOTS:
        assert service["stop_grace_period"] == "10s"
        assert "volumes" not in service


def test_ports_are_on_loopback_only_and_no_two_are_the_same() -> None:
    published = [(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])]
    assert [entry for entry in published if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", entry[1])] == []
    outside = [port.split(":")[1] for _, port in published]
    assert len(outside) == len(set(outside)) == 8
    # The template says how to move each of them, and keeps it on loopback.
    template = re.findall(r"127\.0\.0\.1:\$\{(\w+_PORT):-\d+\}:\d+", COMPOSE.read_text())
    assert len(template) == 8


def test_a_published_port_can_be_reached() -> None:
    """Docker publishes none for a container whose networks are all internal."""
    networks = compose.load()["networks"]
    assert [name for name, given in networks.items() if not given.get("internal")] == ["edge"]
    leads_out = {name for name, service in SERVICES.items() if "edge" in service.get("networks", [])}
    publishes = {name for name, service in SERVICES.items() if "ports" in service}
    assert leads_out == publishes | {"airflow-scheduler"}


def test_who_can_speak_with_whom() -> None:
    def members(network: str) -> set[str]:
        return {name for name, service in SERVICES.items() if network in service.get("networks", [])}

    assert members("metadata") == {"airflow-database", *AIRFLOW}
    assert members("cache") == {"redis", "api"}
    assert members("lake") == {"object-store", "lake-bucket", "airflow-scheduler"}
    assert members("warehouse") == {
        "warehouse", "warehouse-roles", "warehouse-exporter", "airflow-scheduler", "dashboard", "api", "pgadmin",
    }  # fmt: skip


def test_what_a_service_calls_by_name_is_in_a_network_with_it() -> None:
    for name, service in SERVICES.items():
        words = " ".join([*map(str, compose.command(service)), *compose.environment(service).values()])
        words += " ".join(map(str, service.get("healthcheck", {}).get("test", [])))
        for other in SERVICES:
            called = re.search(rf"(?<![\w./-]){other}:\d+|^{other}$|@{other}\b|//{other}\b", words)
            called = called or compose.environment(service).get("PGHOST") == other or None
            if called and other != name:
                shared = set(service.get("networks", [])) & set(SERVICES[other].get("networks", []))
                assert shared, f"{name} calls {other} and shares no network with it"


@every_service
def test_images_are_pinned_by_an_exact_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?", image), image
    assert ("build" in SERVICES[name]) is image.startswith("meterhouse/")


def test_the_tag_of_our_images_names_the_version_inside() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    (airflow,) = re.findall(r'name = "apache-airflow"\nversion = "([^"]+)"', lock)
    bases = {
        name: compose.last_stage(ROOT / "deployment/images" / name / "Dockerfile")[0][1]
        for name in ("postgres", "object-store")
    }
    images = {service["image"] for service in SERVICES.values() if "build" in service}
    assert f"meterhouse/airflow:{airflow}" in images
    assert bases["postgres"] == "postgres:17.11-bookworm"
    assert bases["object-store"] == "versity/versitygw:v1.8.0"
    assert {"meterhouse/postgres:17.11", "meterhouse/object-store:1.8.0"} <= images


def test_nothing_reaches_the_engine_or_the_machine() -> None:
    assert "docker.sock" not in COMPOSE.read_text(encoding="utf-8")
    bound = {
        (name, entry["source"], entry["target"], entry["read_only"])
        for name, service in SERVICES.items()
        for entry in service.get("volumes", [])
        if isinstance(entry, dict)
    }
    assert bound == {("airflow-scheduler", "./deliveries", "/deliveries", True)}
    named = {
        str(entry).split(":")[0]
        for service in SERVICES.values()
        for entry in service.get("volumes", [])
        if isinstance(entry, str)
    }
    assert named == set(compose.load()["volumes"])


# --- Secrets --------------------------------------------------------------------------------------------------


def test_every_secret_is_a_file_that_git_ignores(tmp_path: Path) -> None:
    declared = compose.load()["secrets"]
    assert {name: entry["file"] for name, entry in declared.items()} == {name: f"secrets/{name}" for name in declared}
    ignored = subprocess.run(
        ["git", "-C", ROOT, "check-ignore", *(f"secrets/{name}" for name in declared), ".env", "deliveries/x"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert len(ignored.stdout.split()) == len(declared) + 2


def test_the_first_start_makes_the_secrets_that_the_file_names_and_no_others(secrets: Path) -> None:
    assert {path.name for path in secrets.iterdir()} == set(compose.load()["secrets"])


def test_the_preflight_looks_at_every_secret_and_everything_with_a_secret_waits_for_it() -> None:
    declared = set(compose.load()["secrets"])
    assert set(SERVICES["preflight"]["secrets"]) == set(SERVICES["preflight"]["command"]) == declared
    for name, service in SERVICES.items():
        if service.get("secrets") and name != "preflight":
            assert "preflight" in set(compose.in_order(SERVICES, [name])), name


def test_no_password_stands_in_the_file() -> None:
    """What is called a password, key or secret is a path to a file, or a command that reads one."""
    found = []
    for name, service in SERVICES.items():
        for variable, value in compose.environment(service).items():
            if re.search(r"PASS|SECRET|KEY|TOKEN|CREDENTIAL|_CONN", variable):
                read = re.fullmatch(
                    r"(cat )?/run/secrets(/\w+)?|python /app/\S+metadata_url\.py .*/run/secrets/\w+", value
                )
                found += [] if read else [f"{name} {variable}={value}"]
    assert found == []
    assert re.findall(r"://[^/\s:@]+:[^/\s@]+@", COMPOSE.read_text(encoding="utf-8")) == []


@every_service
def test_a_service_gets_the_secrets_it_uses_and_no_others(name: str) -> None:
    service = SERVICES[name]
    if name == "preflight":
        return
    words = " ".join([*map(str, compose.command(service)), *compose.environment(service).values()])
    used = set(re.findall(r"/run/secrets/(\w+)", words))
    if name == "warehouse-roles":
        script = (ROOT / "deployment/postgres/apply-roles.sh").read_text(encoding="utf-8")
        (roles,) = set(re.findall(r"for role in ([\w ]+); do", script))
        used |= {f"warehouse_{role}_password" for role in [*roles.split(), "metrics"]}
    listed = set(service.get("secrets", []))
    # pgAdmin is told of the authority in its own window.
    assert listed - used == ({"database_ca"} if name == "pgadmin" else set())
    assert used <= listed


def test_what_serves_reads_as_the_reader_and_knows_no_other_password() -> None:
    for name in READERS:
        service = SERVICES[name]
        assert compose.environment(service)["PGUSER"] == "meterhouse_reader"
        # The API starts runs of Airflow, as a user who may do little else; the dashboard asks people's own SQL.
        more = {"api": ["airflow_api_user_password"], "dashboard": ["warehouse_explorer_password"]}[name]
        assert service["secrets"] == ["warehouse_reader_password", "database_ca", *more]
        assert service.get("volumes", []) == [f"{name}:/var/lib/meterhouse"]


# --- Airflow --------------------------------------------------------------------------------------------------


def test_airflow_services_share_one_environment_and_one_jwt_secret() -> None:
    assert sorted(AIRFLOW) == [
        "airflow-api-server", "airflow-dag-processor", "airflow-init", "airflow-scheduler", "airflow-triggerer",
    ]  # fmt: skip
    shared = [
        {name: value for name, value in compose.environment(SERVICES[service]).items() if name.startswith("AIRFLOW")}
        for service in AIRFLOW
    ]
    assert all(each == shared[0] for each in shared)
    assert shared[0]["AIRFLOW__API_AUTH__JWT_SECRET_CMD"] == "cat /run/secrets/airflow_jwt_secret"
    assert shared[0]["AIRFLOW__CORE__FERNET_KEY_CMD"] == "cat /run/secrets/airflow_fernet_key"
    assert shared[0]["AIRFLOW__API__SECRET_KEY_CMD"] == "cat /run/secrets/airflow_api_secret_key"
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in shared[0]
    assert shared[0]["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")


def test_airflow_heeds_the_commands_that_read_the_secrets() -> None:
    """`_CMD` works for options that Airflow lists as sensitive; for another one it would be passed over in silence."""
    code = "from airflow.configuration import conf; print(sorted('__'.join(k) for k in conf.sensitive_config_values))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    used = {
        name.removeprefix("AIRFLOW__").removesuffix("_CMD").lower()
        for name in compose.environment(SERVICES["airflow-scheduler"])
        if name.startswith("AIRFLOW__") and name.endswith("_CMD")
    }
    assert len(used) == 5
    assert [name for name in used if f"'{name}'" not in printed] == []


def test_a_token_lives_longer_than_any_task_may() -> None:
    lifetime = int(compose.environment(SERVICES["airflow-scheduler"])["AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME"])
    assert lifetime == 86400
    limits = [
        int(found)
        for path in (ROOT / "orchestration").rglob("*.py")
        for found in re.findall(r"execution_timeout=timedelta\(hours=(\d+)\)", path.read_text(encoding="utf-8"))
    ]
    assert max(limits, default=0) * 3600 < lifetime


def test_nothing_is_installed_when_a_container_starts() -> None:
    text = COMPOSE.read_text(encoding="utf-8") + "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "deployment").rglob("*.sh")
    )
    assert (
        re.findall(r"_PIP_ADDITIONAL_REQUIREMENTS|pip install|uv sync|apk add|apt-get|GF_INSTALL_PLUGINS", text) == []
    )
    assert SERVICES["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


# --- Order ----------------------------------------------------------------------------------------------------


def test_the_order_has_no_circle_and_waits_for_health() -> None:
    list(compose.in_order(SERVICES, sorted(SERVICES)))
    for name, service in SERVICES.items():
        for other, condition in compose.needed(service).items():
            expected = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
            assert condition == expected, f"{name} waits for {other} until {condition}"
            assert condition != "service_healthy" or "healthcheck" in SERVICES[other]


def test_every_service_waits_for_what_it_calls() -> None:
    def before(name: str) -> set[str]:
        return set(compose.in_order(SERVICES, [name])) - {name}

    assert {"warehouse-roles", "lake-bucket", "airflow-api-server", "airflow-init", "preflight"} <= before(
        "airflow-scheduler"
    )
    assert {"airflow-database", "preflight"} <= before("airflow-init")
    assert {"warehouse-exporter", "statsd-exporter"} <= before("prometheus")
    assert "prometheus" in before("grafana")
    for name in READERS | {"warehouse-exporter"}:
        assert "warehouse-roles" in before(name)


def test_a_one_shot_belongs_to_a_service_that_always_runs() -> None:
    """`up --wait` takes a container that ends for a failure, unless a running service waits for its end."""
    always = {name for name, service in SERVICES.items() if "profiles" not in service} - ONE_SHOTS
    for one_shot in ONE_SHOTS:
        assert [name for name in always if one_shot in compose.needed(SERVICES[name])], one_shot


def test_the_sample_is_laid_over_the_scheduler_alone() -> None:
    services = compose.load(*FILES)["services"]
    changed = {name for name in services if services[name] != SERVICES[name]}
    assert changed == {"airflow-scheduler"}
    scheduler = SERVICES["airflow-scheduler"]["command"]
    assert services["airflow-scheduler"]["command"][-len(scheduler) :] == scheduler


def test_a_port_can_be_moved_by_a_variable() -> None:
    moved = compose.load(environment={"AIRFLOW_PORT": "18080"})["services"]["airflow-api-server"]
    assert moved["ports"] == ["127.0.0.1:18080:8080"]
    assert moved["environment"]["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"


def test_every_variable_of_the_file_has_a_default_and_is_explained() -> None:
    """They are Compose's alone: no program reads them, so they do not stand in .env.example."""
    variables = re.findall(r"\$\{(\w+)(:-[^}]+)?\}", COMPOSE.read_text(encoding="utf-8"))
    assert [name for name, default in variables if not default] == []
    explained = (ROOT / "deployment" / "README.md").read_text(encoding="utf-8")
    assert [name for name, _ in variables if f"`{name}`" not in explained] == []


def test_the_configuration_that_is_mounted_is_there_and_readable() -> None:
    for entry in compose.load()["configs"].values():
        yaml.safe_load((ROOT / entry["file"]).read_text(encoding="utf-8"))
