"""Runs the services of docker-compose.yaml on this machine: their commands, environment and health checks as they stand
there, with what a container engine would have given them put in its place.

| in a container | here |
| --- | --- |
| another service's name and port | localhost and a free port |
| a volume, a tmpfs | a folder |
| /run/secrets | a folder with the secrets that the service lists, with their modes, and no others |
| a file that the Dockerfile or `configs` puts somewhere | the file in this tree |
| /app | this tree |
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.deployment import compose
from tests.deployment.compose import ROOT, Service
from tests.postgres_server import _server_user

HEALTHY_SECONDS = 300
"""Longer than any start takes on a busy machine; nothing is measured by it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_binaries() -> Path | None:
    """A PostgreSQL that speaks TLS: the wheel's does not. None where there is none."""
    named = os.environ.get("METERHOUSE_TEST_POSTGRES_BIN")
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name.zfill(4), reverse=True)
    for folder in [Path(named)] if named else candidates:
        config = folder / "pg_config"
        if (folder / "initdb").exists() and config.exists():
            built = subprocess.run([config, "--configure"], capture_output=True, text=True, check=True).stdout
            if "openssl" in built:
                return folder
    return None


# What the image of PostgreSQL does before it starts the server, as far as the services here use it.
POSTGRES_ENTRYPOINT = """#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -s "$POSTGRES_PASSWORD_FILE" ] || { echo 'superuser password is not specified' >&2; exit 1; }
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \\
        --no-sync $POSTGRES_INITDB_ARGS
    echo "create database \\"$POSTGRES_DB\\"" | postgres --single -D "$PGDATA" postgres
fi
exec "$@"
"""


class Machine:
    """One deployment in one folder: `up` starts services in the order of the file, `close` ends what runs."""

    def __init__(self, folder: Path, secrets: Path, services: dict[str, Service] | None = None) -> None:
        self.folder = folder
        self.secrets = secrets
        self.services = services or compose.load()["services"]
        self.configs: dict[str, Any] = compose.load()["configs"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.finished: set[str] = set()
        self.stand_ins: set[str] = set()
        self.extra: dict[str, Path] = {}
        """Paths of containers that a test lays elsewhere."""
        self._mounts: dict[str, dict[str, Path]] = {}
        self.ports = {
            (name, port): free_port()
            for name, service in self.services.items()
            for port in self._container_ports(service)
        }
        self.folder.chmod(0o755)
        tools = self.folder / "tools"
        tools.mkdir()
        entrypoint = tools / "docker-entrypoint.sh"
        entrypoint.write_text(POSTGRES_ENTRYPOINT)
        entrypoint.chmod(0o755)

    @staticmethod
    def _container_ports(service: Service) -> set[int]:
        published = {int(str(entry).rsplit(":", 1)[1]) for entry in service.get("ports", [])}
        return published | {int(str(entry).split("/")[0]) for entry in service.get("expose", [])}

    def is_postgres(self, name: str) -> bool:
        return str(self.services[name].get("image", "")).startswith("meterhouse/postgres:")

    def stand_in(self, name: str, port: int, here: int) -> None:
        """Something that a test has started itself answers for a service at one of its ports."""
        self.stand_ins.add(name)
        self.ports[name, port] = here

    # --- Where things of a container are here -----------------------------------------------------------------

    def mounts(self, name: str) -> dict[str, Path]:
        """Paths in the container to paths here. Makes the folders and lays the secrets that the service lists."""
        if name not in self._mounts:
            self._mounts[name] = self._mount(name)
        return self._mounts[name]

    def _mount(self, name: str) -> dict[str, Path]:
        service = self.services[name]
        home = self.folder / "services" / name
        (self.folder / "services").mkdir(exist_ok=True)
        home.mkdir(exist_ok=True)
        found: dict[str, Path] = {}
        for entry in service.get("volumes", []):
            if isinstance(entry, dict):
                found[entry["target"]] = self._made(self.folder / "bound" / Path(entry["target"]).name)
            else:
                volume, target = str(entry).split(":")[:2]
                found[target] = self._made(self.folder / "volumes" / volume, of=name)
        for entry in service.get("tmpfs", []):
            target = str(entry).split(":")[0]
            found[target] = self._made(home / target.strip("/").replace("/", "-"), of=name)
        for entry in service.get("configs", []):
            found[entry["target"]] = ROOT / self.configs[entry["source"]]["file"]
        path = compose.dockerfile(service)
        if path is not None:
            for target, source in compose.installed(path).items():
                if source.is_file():
                    found[target] = self._made(home / "image") / Path(target).name
                    shutil.copy(source, found[target])
                    found[target].chmod(0o755)
            # A folder that holds several of them is named too, as a whole.
            found["/etc/meterhouse"] = home / "image"
        found["/run/secrets"] = self._made(home / "secrets")
        for secret in service.get("secrets", []):
            target = found["/run/secrets"] / secret
            target.unlink(missing_ok=True)
            shutil.copy2(self.secrets / secret, target)
        found["/app"] = ROOT
        return {**found, **self.extra}

    def _made(self, path: Path, of: str | None = None) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        user = self.user(of) if of else None
        if user:
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def user(self, name: str | None) -> pwd.struct_passwd | None:
        """PostgreSQL refuses root; nothing else here minds."""
        return _server_user() if name and self.is_postgres(name) else None

    def here(self, name: str, text: str) -> str:
        """A word of the command or a value of the environment, as it has to read on this machine."""
        for (other, port), local in self.ports.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(other)}:{port}\b", f"localhost:{local}", text)
            if other == name:
                text = re.sub(rf"\b(127\.0\.0\.1|localhost|0\.0\.0\.0):{port}\b", rf"\1:{local}", text)
                text = re.sub(rf"^(--[\w.-]+=)?(:?){port}$", rf"\g<1>\g<2>{local}", text)
        mounts = self.mounts(name)
        # All at once: what stands in a place already is here, and may look like a place in the container.
        longest_first = "|".join(re.escape(target) for target in sorted(mounts, key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])({longest_first})(?=$|[/\s:;,&])", lambda found: str(mounts[found[1]]), text)

    def environment(self, name: str) -> dict[str, str]:
        service = self.services[name]
        path = compose.dockerfile(service)
        inside = {**(compose.image_environment(path) if path else {}), **compose.environment(service)}
        found = {variable: self.here(name, value) for variable, value in inside.items()}
        for variable, value in inside.items():
            # A host and its port in two variables.
            twin = re.sub(r"HOST$", "PORT", variable)
            if twin != variable and (value, int(inside.get(twin, 0))) in self.ports:
                found[variable] = "localhost"
                found[twin] = str(self.ports[value, int(inside[twin])])
        outside = compose.inherited()
        tools = [str(self.folder / "tools"), str(self.folder / "services" / name / "image")]
        if self.is_postgres(name):
            tools.append(str(postgres_binaries()))
        found["PATH"] = ":".join([*tools, found.get("PATH", "$PATH").replace("$PATH", outside["PATH"])])
        return {**outside, "HOME": str(self._made(self.folder / "home")), **found}

    def command(self, name: str) -> list[str]:
        words = [self.here(name, str(word)) for word in compose.command(self.services[name])]
        if "postgres" in words and self.is_postgres(name):
            # The address that Docker would give the container.
            words += ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.ports[name, 5432]}"]
            words += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        return words

    def health_command(self, name: str) -> list[str]:
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        found = [self.here(name, str(word)) for word in words]
        return [re.sub(r"^--port=5432$", f"--port={self.ports.get((name, 5432))}", word) for word in found]

    # --- Running ----------------------------------------------------------------------------------------------

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str) -> subprocess.Popen[bytes]:
        user = self.user(name)
        identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                self.command(name), cwd=self.folder, env=self.environment(name), stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True, **identity,
            )  # fmt: skip
        self.processes[name] = process
        return process

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """A one-shot service, to its end."""
        code = self.start(name).wait(HEALTHY_SECONDS)
        del self.processes[name]
        return subprocess.CompletedProcess(self.command(name), code, self.log(name).read_text(errors="replace"), "")

    def inside(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """As `docker compose exec` runs it: with the environment of the service, past its entrypoint."""
        given = list(words)
        environment = self.environment(name)
        # Popen looks commands up in our PATH, not in the one it hands over.
        given[0] = shutil.which(given[0], path=environment["PATH"]) or given[0]
        return subprocess.run(given, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def health(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.inside(name, *self.health_command(name))

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (asked := self.health(name)).returncode != 0:
            ended = self.processes[name].poll()
            late = time.monotonic() > deadline
            if ended is not None or late:
                said = f"{self.log(name).read_text(errors='replace')[-4000:]}\n{asked.stdout}{asked.stderr}"
                raise AssertionError(f"{name} {'is not healthy' if late else f'ended with {ended}'}:\n{said}")
            time.sleep(0.5)

    def up(self, *wanted: str) -> list[str]:
        """Starts the wanted services after all they wait for, each when the condition of the file is met."""
        started = []
        for name in compose.in_order(self.services, list(wanted)):
            if name in self.stand_ins or name in self.finished or name in self.processes:
                continue
            if name in compose.one_shots(self.services):
                done = self.run(name)
                assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout[-4000:]}"
                self.finished.add(name)
            else:
                self.start(name)
                self.wait_until_healthy(name)
            started.append(name)
        return started

    def stop(self, name: str, seconds: float = 60) -> int:
        """Ends a service by the signal the file names; its exit code."""
        process = self.processes.pop(name)
        if process.poll() is None:
            signal = {"SIGINT": 2, "SIGQUIT": 3}.get(self.services[name].get("stop_signal", "SIGTERM"), 15)
            process.send_signal(signal)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        if process.poll() is None:
            process.kill()
        # Whatever it started and left behind: no process of a test may outlive it.
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        return process.wait()

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self.stop(name, 20)
