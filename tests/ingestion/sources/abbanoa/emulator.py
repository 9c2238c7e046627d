"""BigQuery's emulator `bqemulator` in an environment of its own, as a process on two loopback ports."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
NEEDED = ("bqemulator==1.4.0", "numpy>=2")
PROJECT = "water"
_UNREACHABLE = re.compile(
    r"connect|network|resolv|name or service|timed? ?out|error sending request|failed to fetch|unreachable|ssl|"
    r"from versions: none",
    re.IGNORECASE,
)
# Its geography functions need a DuckDB extension that no package registry has; sensors have no use for them.
_START = (
    "import sys; from bqemulator.storage.engine import DuckDBEngine as engine; "
    "engine._load_spatial = lambda self: None; from bqemulator.cli import main; sys.exit(main())"
)


def installed(folder: Path) -> Path:
    """The environment's Python, made once. Skips when the registry cannot be reached, and for no other reason."""
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".uv" / "bin")
    if uv:
        steps = [[uv, "venv", "--clear", "-p", sys.executable, str(folder)], [uv, "pip", "install", "-p", str(python)]]
    else:
        steps = [[sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), "-m", "pip", "install"]]
    steps[1] += NEEDED
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=280, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"the package registry does not answer, so {NEEDED[0]} cannot be installed")
        if done.returncode and _UNREACHABLE.search(done.stderr):
            pytest.skip(f"the package registry cannot be reached, so {NEEDED[0]} cannot be installed")
        assert done.returncode == 0, done.stderr
    ready.touch()
    return python


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
