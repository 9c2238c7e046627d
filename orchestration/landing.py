"""The tasks of a landing: run `python -m ingestion`, retry what time may mend, and say whether anything is new."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ingestion.registry import find
from orchestration.commands import Command, module
from orchestration.environment import environment

OUTCOME = "outcome"
WAIT_SECONDS = 600
"""How long a landing waits for one that was started by hand; Airflow's own take turns by the pool."""
FINAL = ("DATA_", "CONFIG_", "DENIED_")
"""Problems that need somebody: the same file, setting or key will be refused again in five minutes."""


class Land(BaseOperator):
    """Lands what is new of one source, or a window of its past.

    The window: `since` and `until` of the run's parameters by the command that goes on where it stopped; in a backfill
    the run's data interval, as days of the publisher's zone. Fails when anything could not be landed; the rest has.
    """

    def __init__(self, *, source: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.source = source
        self._command: Command | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        given = environment(self.source)
        settings = find(self.source).settings
        if not any(given.get(name) for name in settings):
            raise AirflowSkipException(f"{self.source} is not configured: set {' or '.join(settings)}")
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "outcome.json"
            self._command = Command([*module("ingestion", *self._asked(context)), "--outcome", str(told)], given)
            last = self._command.say(self.log)
            outcomes = json.loads(told.read_text(encoding="utf-8")) if told.exists() else []
        problems = [problem for outcome in outcomes for problem in outcome["problems"]]
        names = {"runs": [outcome["run_id"] for outcome in outcomes if outcome["files"]]}
        # Pushed before it may fail: what landed beside a broken file is to be built all the same.
        context["ti"].xcom_push(key=OUTCOME, value=names)
        if self._command.code == 0:
            return names
        if problems:
            raise _failure(problems)(_sentence(self.source, problems))
        if self._command.code == 2:
            raise AirflowFailException(f"{self.source}: {last}")
        raise AirflowException(f"{self.source}: {last} (exit code {self._command.code})")

    def _asked(self, context: Any) -> list[str]:
        params = context["params"]
        given = [f"--param={pair}" for pair in params.get("param") or []]
        wait = ["--wait", str(WAIT_SECONDS)]
        since, until = params.get("since"), params.get("until")
        if context["dag_run"].run_type == "backfill":
            zone = ZoneInfo(find(self.source).timezone)
            since, until = (
                context[name].astimezone(zone).date() for name in ("data_interval_start", "data_interval_end")
            )
        elif since and until:
            return ["backfill", self.source, "--since", since, "--until", until, *wait, *given]
        window = [*(["--since", str(since)] if since else []), *(["--until", str(until)] if until else [])]
        return ["land", self.source, *window, *wait, *given]

    def on_kill(self) -> None:
        if self._command:
            self._command.stop()


class TellLanded(BaseOperator):
    """Its asset says that something new lies in raw; skipped, and so silent, when nothing is new."""

    def __init__(self, *, of: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.of = of

    def execute(self, context: Any) -> None:
        said = context["ti"].xcom_pull(task_ids=self.of, key=OUTCOME) or {}
        if not said.get("runs"):
            raise AirflowSkipException("nothing new has landed")
        (asset,) = self.outlets
        context["outlet_events"][asset].extra = {"runs": said["runs"]}


def _failure(problems: Sequence[dict[str, Any]]) -> type[Exception]:
    """Tried again only where time may mend it."""
    return AirflowFailException if all(p["code"].startswith(FINAL) for p in problems) else AirflowException


def _sentence(source: str, problems: Sequence[dict[str, Any]]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more, in ledger.landing_problems)" if len(problems) > 1 else ""
    return f"{source}: {first['code']}: {first['message']}{more}"
