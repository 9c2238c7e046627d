"""Runs dbt from the repository root and says in a few calm lines how it goes; the full log is in logs/dbt.log.

What dbt calls an error or a warning is printed whole, when it happens.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ingestion.settings import ENV_FILE, ROOT, git_sha

COMMIT = "DBT_ENV_CUSTOM_ENV_GIT_SHA"
"""dbt hands what bears this prefix to its hooks: which commit builds, for ledger.build_runs."""
RESULTS = ("LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def environment() -> dict[str, str]:
    """The environment for dbt, which reads no `.env`: set variables first, then the file. Empty counts as unset."""
    given = {name: value for name, value in os.environ.items() if value}
    sha = git_sha()
    return {
        **{name: value for name, value in dotenv_values(ENV_FILE).items() if value},
        **({COMMIT: sha} if sha else {}),
        **given,
    }


def dbt_command(*arguments: str) -> list[str]:
    """dbt of this environment, whether or not it is activated."""
    return [str(Path(sys.executable).with_name("dbt")), *arguments]


def build(arguments: Sequence[str], console: Console) -> int:
    """`dbt build` with progress; dbt's exit code. SIGTERM is passed on as SIGINT, so that dbt can record the end."""
    process = subprocess.Popen(
        dbt_command("--log-format", "json", "build", *arguments),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    before = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    try:
        _watch(_events(process), console)
        return process.wait()
    except KeyboardInterrupt:  # the terminal has sent it to dbt as well
        return process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def _events(process: subprocess.Popen[str]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(name, level, message, data) of each line; a line that is not JSON becomes an error's message."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            event = json.loads(line)
            yield event["info"]["name"], event["info"]["level"], event["info"]["msg"], event["data"]
        except (ValueError, KeyError, TypeError):
            if line.strip():
                yield "Text", "error", line.rstrip(), {}


def _watch(events: Iterator[tuple[str, str, str, dict[str, Any]]], console: Console) -> None:
    began = time.monotonic()
    kinds: Counter[str] = Counter()
    quarter = 1
    bar = Progress(
        TextColumn("  {task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("reading the project", total=None)
        for name, level, message, data in events:
            if name in RESULTS:
                kinds[_kind(data)] += 1
                done, total = sum(kinds.values()), int(data.get("total") or data.get("num_models") or 0)
                bar.update(task, completed=done, total=total, description=_short(data))
                if not console.is_terminal and total >= 20 and done * 4 >= total * quarter and quarter < 4:
                    console.print(f"  {done} of {total} done", highlight=False)
                    quarter += 1
            elif level in ("error", "warn") or name == "RunResultError":
                console.print(
                    COLOURS.sub("", message).rstrip(), style="red" if level == "error" else None, markup=False
                )
            elif name == "StatsLine":
                _conclude(data["stats"], kinds, time.monotonic() - began, console)


def _kind(data: dict[str, Any]) -> str:
    kind = str(data.get("node_info", {}).get("resource_type", "node"))
    return "test" if kind == "unit_test" else kind


def _short(data: dict[str, Any]) -> str:
    name = str(data.get("node_info", {}).get("node_name") or data.get("name") or "")
    return (name if len(name) <= 40 else name[:39] + "…").ljust(40)


def _conclude(stats: dict[str, int], kinds: Counter[str], seconds: float, console: Console) -> None:
    counted = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(kinds.items())]
    what = f"  {', '.join(counted) or 'nothing'} in {seconds:.0f} s"
    bad = stats.get("error", 0) + stats.get("skip", 0)
    if not bad:
        console.print(f"{what}: all passed", highlight=False)
        return
    console.print(
        f"{what}: {stats.get('error', 0)} failed, {stats.get('skip', 0)} skipped because of them. "
        "The whole log is in logs/dbt.log.",
        highlight=False,
    )
