"""The task that asks how old the tables of a source are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from orchestration import faults
from orchestration.building import ToldForGood
from orchestration.commands import Command, module
from orchestration.environment import environment


class Freshness(BaseOperator):
    """`python -m publishing freshness` of one source: each table that is late or stale is a fault of its own.

    Late is a warning and passes; stale or never seen fails. Skipped where nothing of any source has landed yet.
    """

    def __init__(self, *, source: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.source = source

    def execute(self, context: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "outcome.json"
            command = Command(module("publishing", "freshness", self.source, "--outcome", str(told)), environment())
            last = command.say(self.log)
            if last.startswith("FRESHNESS_NOTHING"):
                raise AirflowSkipException(last)
            if not told.exists():
                raise AirflowException(f"{last} (exit code {command.code})")
            faults.of_tables(self.source, json.loads(told.read_text(encoding="utf-8")), self.owner)
        if command.code:
            raise ToldForGood(f"{self.source} has not landed for too long")
