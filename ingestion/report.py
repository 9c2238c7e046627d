"""What a person sees of a landing: a bar and a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingestion.source import Problem

log = logging.getLogger("ingestion")
LINE_SECONDS = 10
SHOWN_PROBLEMS = 20


@dataclass
class Outcome:
    """How the landing of one source went. `seconds` is wall time, `bytes` those of the files as delivered."""

    source: str
    run_id: str = ""
    files: int = 0
    unchanged: int = 0
    rejected: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.problems:
            return "partial" if self.files else "failed"
        return "ok" if self.files else "unchanged"


class Report:
    """Shows progress while open; `summary` comes after it."""

    def __init__(self) -> None:
        self.console = Console()
        self.bar: Progress | None = None
        self.task: Any = None
        self.last_line = 0.0

    def __enter__(self) -> Report:
        if self.console.is_terminal:
            self.bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def note(self, text: str) -> None:
        """One line that stays."""
        if self.bar:
            self.bar.console.print(escape(text), highlight=False)
        else:
            log.info("%s", text)

    def progress(self, source: str, done: int, total: int | None, what: str) -> None:
        """Moves the bar; without a terminal a line every ten seconds, and one at the end of what is counted."""
        if self.bar:
            if self.task is None:
                self.task = self.bar.add_task("")
            self.bar.update(self.task, description=escape(f"{source}: {what}"), completed=done, total=total)
        elif time.monotonic() - self.last_line >= LINE_SECONDS or (total and done >= total):
            self.last_line = time.monotonic()
            log.info("%s: %s %s", source, what, f"{done} of {total}" if total else done)

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        """A table of all sources, then every problem; says plainly when nothing was new."""
        if outcomes:
            table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)  # whole names within 80 columns
            table.add_column("landed", no_wrap=True)
            for name in ("files", "unchanged", "rejected", "rows", "MB", "seconds"):
                table.add_column(name, justify="right")
            table.add_column("status")
            for o in outcomes:
                counts = (f"{number:,}" for number in (o.files, o.unchanged, o.rejected, o.rows))
                table.add_row(o.source, *counts, f"{o.bytes / 1e6:,.1f}", f"{o.seconds:.1f}", _coloured(o.status))
            self.console.print(table)
        for outcome in outcomes:
            for problem in outcome.problems[:SHOWN_PROBLEMS]:
                self.console.print(_line(outcome.source, problem), highlight=False, soft_wrap=True)
            if len(outcome.problems) > SHOWN_PROBLEMS:
                more = len(outcome.problems) - SHOWN_PROBLEMS
                self.console.print(f"... and {more} more problems of {outcome.source}, in raw.landing_problems")
        if outcomes and all(o.status == "unchanged" for o in outcomes):
            self.console.print("Nothing new: everything that is delivered has been landed before.")


def write_outcomes(path: Path, outcomes: Sequence[Outcome]) -> None:
    """For whoever started the landing: a JSON list, an object per outcome with its status and its problems."""
    said = [{**asdict(outcome), "status": outcome.status} for outcome in outcomes]
    path.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")


def _coloured(status: str) -> str:
    colour = {"ok": "green", "unchanged": "dim", "partial": "yellow", "failed": "red"}[status]
    return f"[{colour}]{status}[/{colour}]"


def _line(source: str, problem: Problem) -> str:
    place = " ".join(
        part
        for part in (
            problem.uri,
            f"row {problem.row}" if problem.row is not None else None,
            f"column {problem.column}" if problem.column else None,
        )
        if part
    )
    return f"[red]{escape(problem.code)}[/red] {escape(source)}: {escape(problem.message)}" + (
        f" [dim]({escape(place)})[/dim]" if place else ""
    )
