"""Reads docker-compose.yaml and the Dockerfiles as Compose would, as far as these tests need it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"

Service = dict[str, Any]


def interpolated(text: str, environment: dict[str, str] | None = None) -> str:
    """`${NAME:-default}` replaced as Compose does; `${NAME:?}` of a variable that is not set raises KeyError."""
    given = environment or {}

    def value(found: re.Match[str]) -> str:
        name, rule, default = found[1], found[2], found[3]
        if given.get(name):
            return given[name]
        if rule == ":-":
            return str(default)
        raise KeyError(name)

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def load(*files: Path, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The file, with merge keys and variables resolved; later files lay their services' keys over it."""
    merged: dict[str, Any] = {}
    for file in files or (COMPOSE,):
        content = yaml.safe_load(interpolated(file.read_text(encoding="utf-8"), environment))
        if not merged:
            merged = content
            continue
        for name, service in content["services"].items():
            merged["services"][name] = {**merged["services"].get(name, {}), **service}
    return merged


def dockerfile(service: Service) -> Path | None:
    return ROOT / service["build"]["dockerfile"] if "build" in service else None


def instructions(path: Path) -> list[tuple[str, str]]:
    """(instruction, rest) of each line of a Dockerfile; continued lines joined, comments left out."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (re.match(r"([A-Z]+)\s+(.*)", line) for line in joined.splitlines() if line.strip())
    return [(match[1], match[2].strip()) for match in found if match]


def last_stage(path: Path) -> list[tuple[str, str]]:
    steps = instructions(path)
    return steps[max(number for number, (what, _) in enumerate(steps) if what == "FROM") :]


def image_environment(path: Path) -> dict[str, str]:
    """ENV of the image; `$PATH` is that of the base image."""
    found: dict[str, str] = {}
    for what, rest in last_stage(path):
        if what == "ENV":
            found.update(re.findall(r"(\w+)=(\S+)", rest))
    return found


def command(service: Service) -> list[str]:
    """Entrypoint and command: those of the service, where it has none those of its own Dockerfile."""
    path = dockerfile(service)
    image = dict(last_stage(path)) if path else {}
    entrypoint = service.get("entrypoint", json.loads(image.get("ENTRYPOINT", "[]")))
    # An entrypoint in Compose drops the image's command.
    default = [] if "entrypoint" in service else json.loads(image.get("CMD", "[]"))
    return [*entrypoint, *service.get("command", default)]


def installed(path: Path) -> dict[str, Path]:
    """Where files of the repository lie in an image: name in the image to file, of COPY without --from."""
    found: dict[str, Path] = {}
    for what, rest in last_stage(path):
        words = [word for word in rest.split() if not word.startswith("--chmod")]
        if what != "COPY" or any(word.startswith("--from") for word in words):
            continue
        *sources, target = words
        for source in sources:
            name = f"{target}{Path(source).name}" if target.endswith("/") else target
            found[name] = ROOT / source
    return found


def environment(service: Service) -> dict[str, str]:
    """env_file first, environment over it. Files that are not required and not there count as empty."""
    found: dict[str, str] = {}
    for entry in service.get("env_file", []):
        path = entry if isinstance(entry, str) else entry["path"]
        if isinstance(entry, dict) and not entry.get("required", True):
            continue  # .env of the checkout is no business of a test
        for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[name.strip()] = value.strip()
    found.update({name: str(value) for name, value in service.get("environment", {}).items()})
    return found


def needed(service: Service) -> dict[str, str]:
    """Services it waits for, and the condition."""
    return {name: entry["condition"] for name, entry in service.get("depends_on", {}).items()}


def in_order(services: dict[str, Service], wanted: list[str]) -> Iterator[str]:
    """The wanted services after all they wait for, each once. Raises ValueError on a circle."""
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            raise ValueError(" -> ".join((*path, name)))
        for before in needed(services[name]):
            yield from visit(before, (*path, name))
        if name not in done:
            done.append(name)
            yield name

    for name in wanted:
        yield from visit(name, ())


def one_shots(services: dict[str, Service]) -> set[str]:
    """Services that others wait for until they have ended."""
    return {
        name
        for service in services.values()
        for name, condition in needed(service).items()
        if condition == "service_completed_successfully"
    }


def inherited() -> dict[str, str]:
    """What a process needs of the machine, and none of its settings."""
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
