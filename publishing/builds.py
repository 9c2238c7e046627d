"""Which build may be shown to readers.

dbt's hooks write one row per dbt run into `ledger.build_runs` (dbt_project/macros/ledger/build_runs.sql). The marts as
they stand have passed when one run built and tested the whole project, and every run after it finished, tested what it
wrote, and passed. A killed or still running build has no finish, so half-new marts are never shown. What a part did
wrong is made good by later runs that did all of the same, and passed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.errors import WarehouseError

COLUMNS = "invocation_id, command, vars, is_whole, is_tested, relations, started_at, finished_at, failures"
KNOWLEDGE = ("reference_date", "known_at")
"""The vars that say as of when the marts are: two parts of different answers are no whole."""


def query(has_nodes: bool) -> str:
    """All runs, oldest first; a warehouse that an older version built last has no column `nodes`."""
    nodes = "nodes" if has_nodes else "null"
    return f"select {COLUMNS}, {nodes} from ledger.build_runs order by started_at, invocation_id"


class NotPublished(WarehouseError):
    """The marts as they stand may not be shown; readers keep the last copy."""


@dataclass(frozen=True)
class BuildRun:
    """One dbt run, as its hooks recorded it. `relations` are the `schema.name` of every mart and ledger it knew."""

    invocation_id: str
    command: str
    vars: str
    is_whole: bool
    is_tested: bool
    relations: str
    started_at: datetime
    finished_at: datetime | None
    failures: int | None
    nodes: str | None = None
    """The nodes that were selected, as a JSON list of short hashes. None for a run of an older version: then only a
    whole build makes good what it did."""

    @property
    def covered(self) -> frozenset[str] | None:
        return None if self.nodes is None else frozenset(json.loads(self.nodes))

    @property
    def knowledge(self) -> dict[str, str]:
        """As of when it built, where its caller said it."""
        return {name: text for name, text in json.loads(self.vars).items() if name in KNOWLEDGE and text != "None"}

    def objection(self) -> str | None:
        """Why the marts cannot be trusted after this run; None when they can."""
        at = f"`dbt {self.command}` of {self.started_at:%Y-%m-%d %H:%M:%S} UTC"
        if self.finished_at is None:
            return f"{at} did not finish (it was killed, or is still running)"
        if self.failures:
            return f"{at} had {self.failures} failed or skipped models or tests"
        if not self.is_tested:
            return f"{at} wrote tables and left out tests on them"
        return None


@dataclass(frozen=True)
class PassedBuild:
    """The newest state of the marts in which everything was built and passed its tests."""

    invocation_id: str
    """Of the last run that wrote or tested something."""
    vars: str
    built_at: datetime
    relations: tuple[str, ...]
    """Marts and ledgers that the last whole build knew, as `schema.name`."""


def passed_build(runs: Sequence[BuildRun]) -> PassedBuild:
    """Judges the runs, oldest first; raises NotPublished saying what stands in the way."""
    whole = [number for number, run in enumerate(runs) if run.is_whole and run.objection() is None]
    since = runs[whole[-1] :] if whole else runs
    objections = [
        reason
        for number, run in enumerate(since)
        if (reason := run.objection() or _of_another_day(run, since[0]))
        and not _made_good(run, since[number + 1 :], since[0])
    ]
    if objections:
        raise NotPublished("BUILD_NOT_PASSED", f"{objections[-1]}. Readers keep the last copy; run `make build`.")
    if not whole:
        raise NotPublished("BUILD_MISSING", "no dbt run has built and tested the whole project yet; run `make build`.")
    last = since[-1]
    assert last.finished_at is not None
    return PassedBuild(last.invocation_id, last.vars, last.finished_at, tuple(json.loads(since[0].relations)))


def _of_another_day(run: BuildRun, whole: BuildRun) -> str | None:
    if run.command == "test" or run.knowledge == whole.knowledge:
        return None
    at = f"`dbt {run.command}` of {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{at} built a part with other reference_date or known_at than the whole that it is a part of"


def _made_good(run: BuildRun, later: Sequence[BuildRun], whole: BuildRun) -> bool:
    """Whether later runs that passed did all that this one did, together."""
    if run.covered is None:
        return False
    good: set[str] = set()
    for one in later:
        if one.covered is not None and one.objection() is None and _of_another_day(one, whole) is None:
            good |= one.covered
    return run.covered <= good
