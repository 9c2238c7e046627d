"""Tells people what went wrong, once per fault, and when it has passed: from Airflow's callbacks to `alerting`.

A key names the thing that is wrong, never the run: the second failure of the same thing is the same fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from alerting import Fault, open_faults, raise_fault, resolve_fault
from alerting.faults import Severity

log = logging.getLogger(__name__)


def failed(owner: str, playbook: str) -> Callable[[Any], None]:
    """For `on_failure_callback`: the fault of the task, unless it has told its faults by itself (`ToldFailure`)."""

    def tell(context: Any) -> None:
        error = context.get("exception")
        if type(error).__name__ in ("ToldFailure", "ToldForGood"):
            return
        ti = context["ti"]
        detail = str(error or context.get("reason") or "it was killed, or its machine went away")
        raise_fault(Fault(_key(ti), "failure", f"{ti.dag_id}: {ti.task_id} failed", detail, owner, playbook, _link(ti)))

    return tell


def passed(context: Any) -> None:
    """For `on_success_callback`: the task's fault is over."""
    resolve_fault(_key(context["ti"]), "it passed")


def ended(context: Any) -> None:
    """For `on_success_callback` of the task that a run is for: its fault is over, and so is that the run was late."""
    passed(context)
    resolve_fault(f"{context['ti'].dag_id}/late", "it has come to its end")


def deadline(dag_id: str, patience: timedelta, owner: str, playbook: str) -> DeadlineAlert:
    """A warning when a run has not ended so long after it was queued."""
    told = {"dag_id": dag_id, "minutes": patience // timedelta(minutes=1), "owner": owner, "playbook": playbook}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=patience, callback=AsyncCallback(late, kwargs=told)
    )


async def late(context: Any = None, dag_id: str = "", minutes: int = 0, owner: str = "", playbook: str = "") -> None:
    """For a deadline alert: the run is still under way when it should have ended. Runs in the triggerer."""
    from asgiref.sync import sync_to_async

    run = (context or {}).get("dag_run") or {}
    detail = (
        f"run {run.get('dag_run_id') or run.get('run_id') or ''} has not ended {minutes} minutes after it was queued"
    )
    fault = Fault(f"{dag_id}/late", "warning", f"{dag_id} is late", detail, owner, playbook, None)
    await sync_to_async(raise_fault)(fault)


def of_tables(source: str, verdicts: Iterable[dict[str, str]], owner: str) -> None:
    """One fault per table that has not landed for too long: a warning when late, a failure when stale or never seen."""
    for one in verdicts:
        key, verdict = f"freshness/{source}.{one['table']}", one["verdict"]
        if verdict in ("fresh", "not in use"):
            resolve_fault(key, one["sentence"])
            continue
        severity: Severity = "warning" if verdict == "late" else "failure"
        raise_fault(
            Fault(key, severity, f"{source}.{one['table']} is {verdict}", one["sentence"], owner, "source-late", None)
        )


def of_nodes(results: dict[str, tuple[str, str]], owner: str, link: str | None) -> None:
    """One fault per model or test that failed or warned; those that were open and passed now are over.

    `results` is (dbt's status, its message) by the name of the node. What dbt skipped stays as it was.
    """
    open_keys = {fault.key for fault in open_faults()}
    for name, (status, message) in results.items():
        key = f"dbt/{name}"
        if status in ("error", "fail", "warn"):
            severity: Severity = "warning" if status == "warn" else "failure"
            raise_fault(Fault(key, severity, f"{name}: {status}", message, owner, "build-failed", link))
        elif status in ("success", "pass") and key in open_keys:
            resolve_fault(key, "it passed")


def _key(ti: Any) -> str:
    return f"{ti.dag_id}/{ti.task_id}"


def _link(ti: Any) -> str | None:
    return getattr(ti, "log_url", None)
