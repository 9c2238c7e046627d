"""Tasks that show what one dbt process does, node by node, and cost no process of their own.

dbt builds a selection in one process (`building.DbtBuild`), which notes the state of each node under one XCom of its
task, the board. A task per node begins and ends in the triggerer: it ends as dbt's node ended. A process per node would
pay the import of dbt each time, a sensor per node a process of Airflow (measured: docs/decisions/0016-airflow.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent

BOARD = "board"
GOOD = frozenset({"success", "pass", "warn", "no-op"})
BAD = frozenset({"error", "fail", "runtime error", "partial success"})
ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
BEFORE_START = frozenset({"None", "scheduled", "queued", "restarting", "deferred", "up_for_reschedule"})
SECONDS = 2.0


class Watch(BaseOperator):
    """Shows some nodes of dbt's graph (a model, or the tests of one): good when all are, failed when one is.

    It starts whatever its upstream tasks do (`trigger_rule`), since dbt itself keeps the order: the arrows are for
    reading. To run a node again clear the task that builds.
    """

    ui_color = "#dbe8f4"
    start_from_trigger = True

    def __init__(self, *, nodes: Sequence[str], builder: str, **arguments: Any) -> None:
        super().__init__(trigger_rule="always", **arguments)
        self.nodes, self.builder = list(nodes), builder
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="orchestration.watching.NodesEnded",
            trigger_kwargs={"nodes": self.nodes, "builder": builder},
            next_method="execute",
            next_kwargs=None,
            timeout=None,
        )

    def execute(self, context: Any, event: Any = None) -> None:
        """Reached only when the trigger itself broke."""
        raise RuntimeError(f"the triggerer could not watch {', '.join(self.nodes)}: {event}")


class NodesEnded(BaseTrigger):
    """Ends the task as the nodes ended; skips it when dbt left them out, as it does behind a failure."""

    def __init__(self, nodes: list[str], builder: str) -> None:
        super().__init__()
        self.nodes, self.builder = nodes, builder

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "orchestration.watching.NodesEnded", {"nodes": self.nodes, "builder": self.builder}

    async def run(self) -> AsyncIterator[Any]:
        ti = self.task_instance
        assert ti is not None
        while True:
            state, board = await look(ti.dag_id, ti.run_id, self.builder)
            if (event := self.judge(state, board)) is not None:
                yield event
                return
            await asyncio.sleep(SECONDS)

    def judge(self, state: str, board: dict[str, list[str]]) -> Any:
        """The event that ends the task, or None while it is open.

        A failed model may come good when the builder is tried again; a failed test is not tried again.
        """
        if state in BEFORE_START:
            return None
        found = {node: board[node] for node in self.nodes if node in board}
        bad = {node: message for node, (status, message) in found.items() if status in BAD}
        is_test = all(node.startswith(("test.", "unit_test.")) for node in bad)
        if bad and (is_test or state in ENDED):
            for node, message in bad.items():
                self.log.error("%s: %s", node, message)
            return TaskFailedEvent()
        if len(found) == len(self.nodes) and all(status in GOOD for status, _ in found.values()):
            return TaskSuccessEvent()
        if state in ENDED:
            self.log.info("dbt has not run it; task %s tells why", self.builder)
            return TaskSkippedEvent()
        return None


_seen: dict[tuple[str, str], tuple[float, tuple[str, dict[str, list[str]]]]] = {}
_looking: dict[tuple[str, str], asyncio.Lock] = {}


async def look(dag_id: str, run_id: str, builder: str) -> tuple[str, dict[str, list[str]]]:
    """State of the builder and its board: read once in two seconds for all tasks of a run that watch it."""
    from asgiref.sync import sync_to_async

    key = (dag_id, run_id)
    async with _looking.setdefault(key, asyncio.Lock()):
        at, seen = _seen.get(key, (0.0, ("None", {})))
        if time.monotonic() - at < SECONDS:
            return seen
        seen = await sync_to_async(_read)(dag_id, run_id, builder)
        if len(_seen) > 100:  # runs of long ago
            for old in sorted(_seen, key=lambda one: _seen[one][0])[:50]:
                _seen.pop(old)
                _looking.pop(old, None)
        _seen[key] = (time.monotonic(), seen)
        return seen


def _read(dag_id: str, run_id: str, builder: str) -> tuple[str, dict[str, list[str]]]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # The state first: a board that is read after the end is complete.
    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[builder], run_ids=[run_id])
    board = XCom.get_one(key=BOARD, run_id=run_id, dag_id=dag_id, task_id=builder)
    return str(states.get(run_id, {}).get(builder)), board or {}
