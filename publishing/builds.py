"""Which build may be shown to readers.

dbt's hooks write one row per dbt run into `ledger.build_runs` (dbt_project/macros/ledger/build_runs.sql). The marts as
they stand have passed when one run built and tested the whole project, and every run after it finished, tested what it
wrote, and passed. A killed or still running build has no finish, so half-new marts are never shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.errors import WarehouseError

COLUMNS = "invocation_id, command, vars, is_whole, is_tested, relations, started_at, finished_at, failures"
QUERY = f"select {COLUMNS} from ledger.build_runs order by started_at, invocation_id"


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
    objections = [reason for run in since if (reason := run.objection())]
    if objections:
        raise NotPublished("BUILD_NOT_PASSED", f"{objections[-1]}. Readers keep the last copy; run `make build`.")
    if not whole:
        raise NotPublished("BUILD_MISSING", "no dbt run has built and tested the whole project yet; run `make build`.")
    last = since[-1]
    assert last.finished_at is not None
    return PassedBuild(last.invocation_id, last.vars, last.finished_at, tuple(json.loads(since[0].relations)))
