"""Where tests may kill the process: METERHOUSE_CRASH_AT=<point>:<k> sends SIGKILL at the k-th pass."""

from __future__ import annotations

import os
import signal

_passes: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Does nothing unless METERHOUSE_CRASH_AT names this point; then the process is gone, as after a power cut."""
    wanted = os.environ.get("METERHOUSE_CRASH_AT")
    if not wanted:
        return
    _passes[name] = _passes.get(name, 0) + 1
    point, _, count = wanted.partition(":")
    if point == name and _passes[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
