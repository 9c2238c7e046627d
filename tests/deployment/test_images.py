"""What the Dockerfiles promise, read from them: no image is built here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployment import compose
from tests.deployment.compose import ROOT

FILES = sorted((ROOT / "deployment" / "images").glob("*/Dockerfile"))
SERVICES = compose.load()["services"]
every_image = pytest.mark.parametrize("path", FILES, ids=[path.parent.name for path in FILES])
# What no image needs: tests and benches, and the files of people's tools. Papers are the pages of one.
OUTSIDE = {"tests", "bench", "terraform"}


def test_every_image_of_ours_has_its_file_and_every_file_a_service() -> None:
    built = {path for service in SERVICES.values() if (path := compose.dockerfile(service))}
    assert built == set(FILES)
    assert [path.parent.name for path in FILES] == ["airflow", "docs", "object-store", "postgres", "serving"]


@every_image
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([tool, "--no-color", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@every_image
def test_bases_are_pinned_by_an_exact_version(path: Path) -> None:
    bases = [rest.split()[0] for what, rest in compose.instructions(path) if what == "FROM"]
    assert bases
    for base in bases:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)*(@sha256:[0-9a-f]{64})?", base), base
        assert "latest" not in base


@every_image
def test_the_last_stage_is_no_roots_and_holds_no_compiler_and_no_installer(path: Path) -> None:
    steps = compose.last_stage(path)
    users = [rest for what, rest in steps if what == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    runs = " ".join(rest for what, rest in steps if what == "RUN")
    assert re.findall(r"apt-get|apk add|pip install|uv sync|gcc|build-essential|curl|wget", runs) == []


@every_image
def test_a_service_runs_as_the_user_of_its_image(path: Path) -> None:
    (user,) = [rest for what, rest in compose.last_stage(path) if what == "USER"]
    served = {service["user"] for service in SERVICES.values() if compose.dockerfile(service) == path}
    assert served == {user}


@every_image
def test_no_secret_and_no_argument_goes_into_a_layer(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^(?:ARG|ADD)\b", text, flags=re.MULTILINE) == []
    assert re.findall(r"(?i)(password|secret|token|_key)\s*=", text) == []


def test_an_image_whose_processes_write_no_compiled_modules_has_them() -> None:
    written = {
        path.parent.name: ("PYTHONDONTWRITEBYTECODE=1" in text, "UV_COMPILE_BYTECODE=1" in text)
        for path in FILES
        if "PYTHONUNBUFFERED" in (text := path.read_text(encoding="utf-8"))
    }
    assert written == {"airflow": (True, True), "serving": (True, True)}


def test_packages_come_from_the_lock_and_airflow_only_where_it_runs() -> None:
    synced = {
        path.parent.name: re.findall(r"uv sync ([^\n]*)", path.read_text(encoding="utf-8"))
        for path in FILES
        if "uv sync" in path.read_text(encoding="utf-8")
    }
    assert synced == {
        "airflow": ["--locked --no-dev --group airflow --all-extras"],
        "docs": ["--locked --no-dev"],
        "serving": ["--locked --no-dev --group serving"],
    }
    (uv,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name in synced:
        assert f"pip install uv=={uv}\n" in (ROOT / "deployment/images" / name / "Dockerfile").read_text(
            encoding="utf-8"
        )


def test_every_locked_package_has_a_wheel_for_the_images_python() -> None:
    """Or an image would need a compiler. The version of Python is the one of the bases, on 64-bit Intel and ARM."""
    bases = {rest.split()[0] for path in FILES for what, rest in compose.instructions(path) if what == "FROM"}
    (version,) = {match[1] for base in bases if (match := re.match(r"python:(3\.\d+)\.\d+-slim", base))}
    uv = ROOT / ".uv" / "bin" / "uv"
    command = [uv if uv.exists() else "uv", "export", "--locked", "--no-dev", "--group", "airflow", "--all-extras"]
    listed = subprocess.run(
        [*command, "--no-hashes", "--no-header", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    wanted = set()
    for line in listed.splitlines():
        match = re.match(r"([\w.-]+)(?:\[[^]]*\])?==(\S+)(?: ; (.*))?", line)
        if match and not _elsewhere(match[3] or "", version):
            wanted.add((match[1], match[2]))
    assert len(wanted) > 200
    import tomllib

    tag = version.replace(".", "")
    for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]:
        if (package["name"], package.get("version")) not in wanted:
            continue
        wheels = [wheel["url"].rsplit("/", 1)[1] for wheel in package.get("wheels", [])]
        for machine in ("x86_64", "aarch64"):
            fits = rf"(-none-any|-(cp{tag}-cp{tag}|cp3\d+-abi3|(py2\.)?py3-none)-\S*manylinux\S*_{machine})"
            assert any(re.search(fits, wheel) for wheel in wheels), f"{package['name']} has no wheel: {wheels}"


def _elsewhere(marker: str, version: str) -> bool:
    """Whether a package's marker is for another system or Python."""
    from packaging.markers import Marker

    if not marker:
        return False
    place = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux"}
    place |= {"platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython"}
    return not Marker(marker).evaluate({**place, "platform_python_implementation": "CPython"})


def test_the_build_sees_every_room_and_nothing_that_is_private() -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*", "everything stays out but what is named"
    named = {line[1:] for line in lines if line.startswith("!")}
    assert not named & {".env", "data", "secrets", ".git", ".venv", "*"}
    assert "**/.env*" in lines
    listing = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
    rooms = {line.split("/")[0] for line in listing.splitlines() if line.endswith((".py", ".sql")) and "/" in line}
    assert rooms - named - OUTSIDE == set(), "a room that the images would lack"
    sources = {source for path in FILES for source in compose.installed(path).values()} - {ROOT}
    assert {source.relative_to(ROOT).parts[0] for source in sources} <= named


def test_what_the_images_are_made_from_is_there() -> None:
    for path in FILES:
        assert [str(source) for source in compose.installed(path).values() if not source.exists()] == []


def test_volumes_lie_over_folders_that_belong_to_the_user_of_the_image() -> None:
    """A new volume takes owner and mode of the folder below it; where there is none it is root's alone."""
    for name, service in SERVICES.items():
        path = compose.dockerfile(service)
        for entry in service.get("volumes", []):
            if path is None or not isinstance(entry, str):
                continue
            target = entry.split(":")[1]
            made = " ".join(rest for what, rest in compose.last_stage(path) if what == "RUN")
            # The image of PostgreSQL makes the folder itself, for everybody.
            assert target in made.split() or target == "/var/lib/postgresql/data", f"{name}: {target}"


@pytest.mark.parametrize("name", ["airflow", "serving"])
def test_no_tool_in_an_image_reports_anything(name: str) -> None:
    assert compose.image_environment(ROOT / "deployment/images" / name / "Dockerfile")["DO_NOT_TRACK"] == "1"


def test_scripts_can_be_started() -> None:
    scripts = sorted((ROOT / "deployment").rglob("*.sh"))
    assert len(scripts) == 6
    for script in scripts:
        assert script.stat().st_mode & 0o111, f"{script.name} is not executable"
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
