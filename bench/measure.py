"""Runs one way of doing a job as a process of its own and measures it whole.

Wall seconds, CPU seconds (client, with every child it waited for, plus the PostgreSQL server when one is used) and peak
memory of the largest single client process. CPU comes from the operating system's accounting of the finished process,
so that interpreter start, imports and dlt's fixed cost are counted for everyone alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    """One measured run: seconds of wall and CPU, megabytes (10^6 bytes) of peak memory."""

    way: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    rows: int
    output: str

    def cpu_ratio(self, limit: Figure) -> float:
        """CPU seconds a row, as a multiple of the limit's CPU seconds a row."""
        return (self.cpu_s / self.rows) / (limit.cpu_s / limit.rows)

    def wall_ratio(self, limit: Figure) -> float:
        """Wall seconds a row, as a multiple of the limit's wall seconds a row."""
        return (self.wall_s / self.rows) / (limit.wall_s / limit.rows)


class WayFailed(Exception):
    """A measured command exited non-zero; holds the end of what it printed."""


def measured(
    way: str, command: Sequence[str], *, rows: int, env: Mapping[str, str], log: Path, server_pid: int | None = None
) -> Figure:
    """One run of `command`. Raises `WayFailed` when it exits non-zero."""
    before, idle = server_cpu_s(server_pid), len(_children(server_pid))
    started = time.perf_counter()
    with log.open("w+b") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **env})
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="backslashreplace")
    if child.returncode != 0:
        raise WayFailed(f"{way}: exit {child.returncode}\n{text[-4000:]}")
    deadline = time.monotonic() + 10
    while len(_children(server_pid)) > idle and time.monotonic() < deadline:
        time.sleep(0.05)  # a backend that is still ending has not handed its CPU to the postmaster's account
    cpu_s = usage.ru_utime + usage.ru_stime + server_cpu_s(server_pid) - before
    # Linux reports kilobytes, macOS bytes.
    peak_mb = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Figure(way, wall_s, cpu_s, peak_mb, rows, text)


def server_cpu_s(postmaster: int | None) -> float:
    """CPU seconds a PostgreSQL server has used so far: the postmaster, its finished and its living children.

    Read from /proc, so it is zero where there is none (then only client CPU is counted, and the table says so).
    """
    if postmaster is None or not Path("/proc/self/stat").exists():
        return 0.0
    ticks = _ticks(postmaster, with_finished_children=True)
    ticks += sum(_ticks(child, with_finished_children=False) for child in _children(postmaster))
    return ticks / _TICKS_PER_SECOND


def _children(pid: int | None) -> list[int]:
    if pid is None or not Path("/proc/self/stat").exists():
        return []
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _parent(int(entry.name)) == pid
    ]


def _stat(pid: int) -> list[str]:
    try:
        # The command name stands in parentheses and may itself hold spaces.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _ticks(pid: int, *, with_finished_children: bool) -> int:
    stat = _stat(pid)
    if not stat:
        return 0
    return sum(int(value) for value in (stat[11:15] if with_finished_children else stat[11:13]))
