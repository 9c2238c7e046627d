"""Runs one of the house's commands in a process of its own, and passes its lines on as they come."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestration.project import ROOT

BUSY = 75
"""The exit code of every command that found the warehouse taken: to be tried again."""
IDLE_SECONDS = 1.0
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 60.0
"""For a command that is told to stop: dbt ends its statements, a landing closes its run."""


def module(name: str, *arguments: str) -> list[str]:
    """`python -m NAME ...` with the interpreter of this environment."""
    return [sys.executable, "-m", name, *arguments]


def dbt(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("dbt")), *arguments]


def _end_with_parent() -> None:
    """In the new process, on Linux: SIGINT comes when its parent is gone, however that ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Command:
    """A command under way. `lines` must be read to the end; then `code` is what it ended with."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        # A session of its own, so that a signal reaches what the command started, too. It ends with its task: one that
        # was killed must not leave a writer behind, which the next try would find in its way.
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="backslashreplace", start_new_session=True,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
        self._said: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.rstrip("\n"))
        self._said.put(None)

    def lines(self) -> Iterator[str | None]:
        """Each line, and None after each second without one."""
        while True:
            try:
                line = self._said.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if line is None:
                self.process.wait()
                return
            yield line

    def say(self, log: Any) -> str:
        """Runs it to its end, its lines in the log; returns the last one."""
        last = ""
        for line in self.lines():
            if line:
                last = line
                log.info("%s", line)
        return last

    @property
    def code(self) -> int:
        return int(self.process.wait())

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """As Ctrl-C, so that it closes its run and lets go of the warehouse; by force when it does not."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
