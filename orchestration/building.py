"""The task that builds: one dbt process for a whole selection, its nodes told as they end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from ingestion.settings import git_sha
from orchestration import faults
from orchestration.commands import BUSY, Command, dbt, module
from orchestration.environment import environment
from orchestration.watching import BAD, BOARD

ENDINGS = ("LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult")
REASONS = (
    "RunResultError",
    "RunResultErrorNoMessage",
    "RunResultWarningMessage",
    "RunResultFailure",
    "RunResultWarning",
)
BOARD_SECONDS = 1.0
TOLD_CHARACTERS = 500


class ToldFailure(AirflowException):
    """Its faults have been told one by one; the task is tried again."""


class ToldForGood(AirflowFailException):
    """Its faults have been told one by one; trying again would give the same."""


class DbtBuild(BaseOperator):
    """`dbt build` of a selection (of everything, when it is empty), as one process.

    Each model and test that failed or warned is a fault of its own. Models are tried again, since a server can be away;
    tests are not: the same data fails them again.
    """

    template_fields = ("variables", "is_full_refresh")

    def __init__(
        self,
        *,
        select: Sequence[str],
        variables: dict[str, str] | None = None,
        is_full_refresh: str = "",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.select, self.variables, self.is_full_refresh = list(select), variables or {}, is_full_refresh
        self._command: Command | None = None

    def execute(self, context: Any) -> None:
        ti = context["ti"]
        # dbt's hooks write the commit into ledger.build_runs; dbt itself knows of none.
        commit = {"DBT_ENV_CUSTOM_ENV_GIT_SHA": sha} if (sha := git_sha()) else {}
        self._command = Command(dbt("--log-format", "json", "build", *self._arguments()), {**commit, **environment()})
        board: dict[str, list[str]] = {}
        names: dict[str, str] = {}
        pushed, is_new = 0.0, False
        for line in self._command.lines():
            if line and (told := self._told(line)):
                node, name, status, message = told
                known = board.get(node, ["", ""])
                board[node], names[node], is_new = [status or known[0], message or known[1]], name, True
            if is_new and time.monotonic() - pushed >= BOARD_SECONDS:
                ti.xcom_push(key=BOARD, value=board)
                pushed, is_new = time.monotonic(), False
        ti.xcom_push(key=BOARD, value=board)
        if board:
            results = {names[node]: (status, message) for node, (status, message) in board.items()}
            faults.of_nodes(results, self.owner, getattr(ti, "log_url", None))
        self._judge(board, names)

    def _arguments(self) -> list[str]:
        given = {name: text for name, text in self.variables.items() if text and text != "None"}
        return [
            *(["--select", *self.select] if self.select else []),
            *(["--vars", json.dumps(given)] if given else []),
            *(["--full-refresh"] if self.is_full_refresh == "True" else []),
        ]

    def _told(self, line: str) -> tuple[str, str, str, str] | None:
        """Passes a line of dbt on to the log; (node, its name, status, message) if it tells of a node, "" for unknown.

        How a node ended and what was wrong come in two lines, the second at the end of the run.
        """
        try:
            event = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, KeyError, TypeError):
            self.log.info("%s", line)
            return None
        if info["msg"]:
            self.log.log(
                {"error": logging.ERROR, "warn": logging.WARNING}.get(info["level"], logging.INFO), "%s", info["msg"]
            )
        node = data.get("node_info") or {}
        if info["name"] in ENDINGS:
            # Of models the event says what the database answered, of unit tests the node says nothing.
            status = data["status"] if info["name"] == "LogTestResult" else node["node_status"]
            return node["unique_id"], node["node_name"], str(status).lower(), ""
        if info["name"] == "SkippingDetails":
            return node["unique_id"], node["node_name"], "skipped", ""
        if info["name"] in REASONS and node:
            reason = str(data.get("msg") or info["msg"]).strip()[:TOLD_CHARACTERS]
            return node["unique_id"], node["node_name"], "", reason
        return None

    def _judge(self, board: dict[str, list[str]], names: dict[str, str]) -> None:
        assert self._command is not None
        code = self._command.code
        if code == 0:
            return
        bad = {names[node]: node for node, (status, _) in board.items() if status in BAD}
        tests = sorted(name for name, node in bad.items() if node.startswith(("test.", "unit_test.")))
        if tests:
            raise ToldForGood(f"{len(tests)} tests failed: {', '.join(tests[:5])}")
        if bad:
            raise ToldFailure(f"{len(bad)} models failed: {', '.join(sorted(bad)[:5])}")
        raise AirflowException(f"dbt ended with exit code {code}; its last lines are above")

    def on_kill(self) -> None:
        if self._command:
            self._command.stop()


class House(BaseOperator):
    """One of the house's commands, `python -m MODULE ...`: failed by its exit code, tried again when it was busy."""

    def __init__(self, *, module: str, arguments: Sequence[str] = (), **more: Any) -> None:
        super().__init__(**more)
        self.module, self.arguments = module, list(arguments)
        self._command: Command | None = None

    def execute(self, context: Any) -> None:
        self._command = Command(module(self.module, *self.arguments), environment())
        last = self._command.say(self.log)
        code = self._command.code
        if code == BUSY:
            raise AirflowException(f"busy: {last}")
        if code:
            raise AirflowFailException(f"{last} (exit code {code})")

    def on_kill(self) -> None:
        if self._command:
            self._command.stop()
