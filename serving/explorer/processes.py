"""Carries a request to a child process, and ends the child when its time or memory is over."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from serving.explorer.answers import ExplorerError

RESIDENT_BYTES = 1_000_000_000
GRACE_SECONDS = 1.0
"""For the engine's own limit to be met first: its error says more than the end of a process."""
_POLL_SECONDS = 0.02
_SAID_BYTES = 64_000


@dataclass(frozen=True)
class Carried:
    """The facts that the child told, the last of each name, and its table unless it told of an error."""

    facts: dict[str, Any]
    table: pa.Table | None


def carry(
    script: Path, request: dict[str, Any], seconds: float, end: Callable[[dict[str, Any]], None] | None = None
) -> Carried:
    """Runs the script with the request. `end` is given what the child told when it had to be killed.

    Raises ExplorerError QUERY_TIMEOUT or QUERY_TOO_LARGE when the child was ended, QUERY_FAILED when it died.
    """
    child = subprocess.Popen(
        # Isolated: neither the environment nor the caller's folder decides what is imported.
        [sys.executable, "-I", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent", "OPENBLAS_NUM_THREADS": "1"},
        cwd="/",
        start_new_session=True,
    )
    heard = {"out": b"", "err": b""}
    listeners = [
        threading.Thread(target=_listen, args=(child.stdout, heard, "out", 2 * request["bytes"]), daemon=True),
        threading.Thread(target=_listen, args=(child.stderr, heard, "err", _SAID_BYTES), daemon=True),
    ]
    for listener in listeners:
        listener.start()
    reason: ExplorerError | None = None
    try:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(request).encode())
            child.stdin.close()
        except BrokenPipeError:
            pass  # it died at once, and its end says how
        reason = _watched(child, time.monotonic() + seconds + GRACE_SECONDS, seconds)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for listener in listeners:
            listener.join(5)
    facts = _facts(heard["err"])
    if "code" not in facts:
        if end is not None:
            end(facts)
        if reason is None and child.returncode in (-24, -9):  # its processor time was over
            reason = _too_long(seconds)
        raise reason or ExplorerError(
            "QUERY_FAILED", f"the process that carried it out ended by itself (exit code {child.returncode})"
        )
    table = pa.ipc.open_stream(heard["out"]).read_all() if facts["code"] == "OK" else None
    return Carried(facts, table)


def _watched(child: subprocess.Popen[bytes], deadline: float, seconds: float) -> ExplorerError | None:
    while child.poll() is None:
        if time.monotonic() > deadline:
            return _too_long(seconds)
        if _resident_bytes(child.pid) > RESIDENT_BYTES:
            return ExplorerError(
                "QUERY_TOO_LARGE", f"it needs more than {RESIDENT_BYTES // 1_000_000} MB of memory; ask for less"
            )
        time.sleep(_POLL_SECONDS)
    return None


def _too_long(seconds: float) -> ExplorerError:
    return ExplorerError("QUERY_TIMEOUT", f"the answer took more than {seconds:g} s and was given up")


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0  # it has just ended, or this is no Linux: the limit of its address space holds alone


def _listen(stream: Any, heard: dict[str, bytes], name: str, most: int) -> None:
    heard[name] = stream.read(most)
    while stream.read(65536):
        pass


def _facts(said: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for line in said.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue  # a library's warning
        if isinstance(found, dict):
            facts.update(found)
    return facts
