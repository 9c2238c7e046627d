"""Secrets from the first start on: made once, never shown, and no start without them."""

from __future__ import annotations

import base64
import os
import pwd
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.deployment import compose
from tests.deployment.compose import ROOT

MAKE = ROOT / "deployment" / "secrets.sh"
PREFLIGHT = compose.load()["services"]["preflight"]


def run(*command: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload, no-any-return]


def test_each_secret_is_random_and_of_its_own_kind(secrets: Path, tmp_path: Path) -> None:
    other = tmp_path / "secrets"
    assert run(MAKE, other).returncode == 0
    values = [path.read_text() for folder in (secrets, other) for path in folder.iterdir()]
    assert len(set(values)) == len(values) == 2 * len(compose.load()["secrets"])
    for path in secrets.glob("*_password"):
        assert re.fullmatch(r"[0-9a-f]{64}\n", path.read_text())
    assert len(base64.urlsafe_b64decode((secrets / "airflow_fernet_key").read_text())) == 32
    assert len((secrets / "airflow_jwt_secret").read_text().strip()) == 128
    from cryptography.fernet import Fernet

    Fernet((secrets / "airflow_fernet_key").read_text().strip())


def test_nobody_else_on_the_machine_can_read_them_but_a_container_can(secrets: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o444}
    if os.geteuid() != 0:
        pytest.skip("only root can try it as another user")
    nobody = pwd.getpwnam("nobody")
    somebody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    path = secrets / "airflow_jwt_secret"
    assert "Permission denied" in run("cat", path, **somebody).stderr
    # What Compose does with it: the file, and not the folder, is laid into the container of another user.
    laid = f'mkdir -p "$1" && touch "$1/s" && mount --bind "{path}" "$1/s"'
    script = f'{laid} && exec setpriv --reuid=65534 --clear-groups cat "$1/s"'
    place = Path("/tmp") / f"mounted-{os.getpid()}"
    mounted = run("unshare", "--mount", "sh", "-c", script, "sh", place)
    shutil.rmtree(place, ignore_errors=True)
    if "unshare" in mounted.stderr or "mount:" in mounted.stderr:
        pytest.skip(f"no mounts here: {mounted.stderr.strip()}")
    assert mounted.stdout == path.read_text()


def test_what_is_there_stays_and_nothing_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "warehouse_reader_password").write_text("chosen by the utility\n")
    first = run(MAKE, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    second = run(MAKE, folder)
    assert (first.returncode, second.returncode) == (0, 0)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert before["warehouse_reader_password"] == b"chosen by the utility\n"
    assert second.stdout == ""
    assert "warehouse_loader_password" in first.stdout
    assert "warehouse_reader_password" not in first.stdout
    shown = first.stdout + first.stderr + second.stderr
    assert [name for name, value in before.items() if value.decode().strip() in shown] == []


def test_an_empty_file_is_named_and_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "airflow_fernet_key").touch()
    done = run(MAKE, tmp_path / "secrets")
    assert done.returncode == 1
    assert "empty: airflow_fernet_key;" in done.stderr


def test_certificates_are_brought_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "warehouse_certificate").write_text("ours\n")
    done = run(MAKE, tmp_path / "secrets")
    assert done.returncode == 1
    assert "warehouse_certificate is there, database_ca is not" in done.stderr


def test_certificates_name_their_server_and_the_authority_has_forgotten_its_key(secrets: Path) -> None:
    for name, host in (("warehouse", "warehouse"), ("airflow_database", "airflow-database")):
        certificate = secrets / f"{name}_certificate"
        assert run("openssl", "verify", "-CAfile", secrets / "database_ca", certificate).returncode == 0
        shown = run("openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName").stdout
        assert re.findall(r"(?:DNS|IP Address):([^,\s]+)", shown) == [host, "localhost", "127.0.0.1"]
        assert run("openssl", "x509", "-in", certificate, "-noout", "-checkend", 9 * 365 * 86400).returncode == 0
    keys = [path.name for path in secrets.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert sorted(keys) == ["airflow_database_key", "warehouse_key"]


# --- The start is refused -------------------------------------------------------------------------------------


def preflight(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(folder) if word == "/run/secrets" else word for word in compose.command(PREFLIGHT)]
    return run(ROOT / "deployment" / words[0], *words[1:])


def test_the_start_goes_on_with_all_secrets(secrets: Path) -> None:
    done = preflight(secrets)
    assert (done.returncode, done.stdout) == (0, f"{len(PREFLIGHT['secrets'])} secrets are there\n")


@pytest.mark.parametrize("content", [None, "", "   \n\n", "admin\n", "short-password\n"])
@pytest.mark.parametrize("name", ["airflow_jwt_secret", "grafana_admin_password"])
def test_the_start_is_refused_without_a_secret(secrets: Path, tmp_path: Path, name: str, content: str | None) -> None:
    folder = tmp_path / "secrets"
    shutil.copytree(secrets, folder)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    done = preflight(folder)
    assert done.returncode == 78
    assert done.stderr == f"secrets missing, empty or shorter than 16 characters: {name}\n"


def test_secrets_reach_the_environment_of_the_command_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('it\'s $HOME `x` "y"\n')
    given = {"PATH": os.environ["PATH"], "PGPASSWORD__FILE": str(tmp_path / "a")}
    done = run(ROOT / "deployment/with-secrets.sh", "printenv", "PGPASSWORD", env=given)
    assert (done.returncode, done.stdout) == (0, 'it\'s $HOME `x` "y"\n')


@pytest.mark.parametrize("there", [True, False])
def test_a_command_does_not_start_without_its_secret(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "a").touch()
    given = {"PATH": os.environ["PATH"], "PGPASSWORD__FILE": str(tmp_path / "a")}
    done = run(ROOT / "deployment/with-secrets.sh", "echo", "started", env=given)
    assert done.returncode == 78
    assert "started" not in done.stdout
    assert "PGPASSWORD__FILE" in done.stderr


# --- make up, make down ---------------------------------------------------------------------------------------

DOCKER = """#!/bin/sh
# Stands for docker: writes down how it was called, and answers where a service is.
echo "$@" >>"$CALLS"
case "$*" in
    *'port airflow-api-server 8080') echo 127.0.0.1:18080 ;;
    *'port warehouse 5432') echo 127.0.0.1:5432 ;;
    *' port '*) exit 1 ;;
    *' up '*) exit "${UP_CODE:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make up` touches, in a folder of its own, with a docker that only listens."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "deployment", tmp_path / "deployment")
    shutil.copytree(ROOT / "orchestration", tmp_path / "orchestration")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    return tmp_path


def make(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    # The words of a `make test ARGS=...` that runs this are not for the make under test.
    outer = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "ARGS")
    }
    environment = {**outer, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "CALLS": str(checkout / "calls")}
    return run("make", "-C", checkout, *words, env={**environment, **more})


def test_make_up_waits_until_healthy_and_says_where_things_are_but_no_password(checkout: Path) -> None:
    done = make(checkout, "up")
    assert done.returncode == 0, done.stderr
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[0] == "compose up --build --detach --wait --wait-timeout 900"
    assert "http://127.0.0.1:18080" in done.stdout
    assert "password in secrets/airflow_admin_password" in done.stdout
    # What does not run is not spoken of.
    assert "pgAdmin" not in done.stdout
    made = {path.name: path.read_text().strip() for path in (checkout / "secrets").iterdir()}
    assert set(made) == set(compose.load()["secrets"])
    assert [name for name, value in made.items() if value in done.stdout + done.stderr] == []


def test_make_up_takes_the_sample_and_profiles_when_they_are_asked_for(checkout: Path) -> None:
    make(checkout, "up", "SAMPLE=1", "PROFILES=tools serving")
    (checkout / "docker-compose.override.yaml").touch()
    make(checkout, "up", "SAMPLE=1")
    first, second = [line for line in (checkout / "calls").read_text().splitlines() if " up " in line]
    files = "-f docker-compose.yaml -f deployment/sample.yaml --profile tools --profile serving"
    assert first == f"compose {files} up --build --detach --wait --wait-timeout 900"
    # What a utility changed holds with the sample too.
    files = "-f docker-compose.yaml -f docker-compose.override.yaml -f deployment/sample.yaml"
    assert second == f"compose {files} up --build --detach --wait --wait-timeout 900"


def test_make_up_fails_when_something_is_not_healthy(checkout: Path) -> None:
    done = make(checkout, "up", UP_CODE="1")
    assert done.returncode != 0
    assert "Meterhouse is up" not in done.stdout


def test_make_down_stops_all_profiles_and_keeps_the_volumes(checkout: Path) -> None:
    assert make(checkout, "down").returncode == 0
    assert (checkout / "calls").read_text() == "compose --profile * down\n"
