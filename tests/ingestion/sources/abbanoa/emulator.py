"""BigQuery's emulator `bqemulator` in an environment of its own, as a process on two loopback ports."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import own_environment

NEEDED = ("bqemulator==1.4.0", "numpy>=2")
PROJECT = "water"
# Its geography functions need a DuckDB extension that no package registry has; sensors have no use for them.
_START = (
    "import sys; from bqemulator.storage.engine import DuckDBEngine as engine; "
    "engine._load_spatial = lambda self: None; from bqemulator.cli import main; sys.exit(main())"
)


def installed(folder: Path) -> Path:
    """The Python of the emulator's environment."""
    return own_environment.installed(folder, *NEEDED)


@contextmanager
def serving(python: Path, log: Path) -> Iterator[tuple[str, str]]:
    """Addresses of REST and gRPC while the emulator runs; it holds nothing at the start and nothing after."""
    rest, grpc = _free_port(), _free_port()
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(python), "-c", _START, "start", *ports, "--project", PROJECT],
            env={"BQEMU_ENABLE_FORMAT_EXTENSIONS": "false", "HOME": str(log.parent), "PATH": "/usr/bin:/bin"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(process, f"http://127.0.0.1:{rest}/", log)
        yield f"http://127.0.0.1:{rest}", f"http://127.0.0.1:{grpc}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the emulator does not answer: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
