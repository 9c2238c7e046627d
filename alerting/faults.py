"""The faults that are open, and what is told of them: one message when one begins, one when it is over.

Kept in a SQLite file, not in the warehouse, which may be what is wrong. Every process of this machine writes to it; a
transaction decides which of two that see the same fault tells of it (docs/decisions/0017-alerts.md).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from alerting import outbox
from alerting.settings import AlertSettings
from ingestion.settings import read

log = logging.getLogger(__name__)

Severity = Literal["failure", "warning"]
CHARACTERS = 1000
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET = re.compile(r"(?i)\b(appid|key|token|password|passwd|secret)=[^\s&,;]+")


@dataclass(frozen=True)
class Fault:
    """Something that is wrong. `key` names the thing and is the same each time it is met: it makes two messages one."""

    key: str
    severity: Severity
    title: str
    detail: str
    """What happened and what to do next; neither credentials nor personal data."""
    owner: str
    """The room whose people look after it."""
    playbook: str | None = None
    """Name of the page in docs/runbooks."""
    link: str | None = None
    """Where the log is."""


@dataclass(frozen=True)
class OpenFault:
    """A fault that lasts. Instants are ISO 8601 in UTC."""

    key: str
    severity: Severity
    title: str
    detail: str
    owner: str
    playbook: str | None
    link: str | None
    occurrences: int
    first_seen: str
    last_seen: str


def raise_fault(fault: Fault) -> None:
    """The thing is wrong (still). Tells people when that is news. Never raises: an alert must not end what it is of."""
    with _whatever_happens(fault.key):
        settings = read(AlertSettings)
        told = _clean(fault)
        with outbox.transaction() as store:
            known = store.fault(told.key)
            at = _now()
            if known is None:
                opened = OpenFault(**asdict(told), occurrences=1, first_seen=at, last_seen=at)
                store.keep(opened, told_at=at)
                store.enqueue("raised", opened, settings.channels)
            else:
                lasting, told_at = known
                changed = OpenFault(
                    **asdict(told), occurrences=lasting.occurrences + 1, first_seen=lasting.first_seen, last_seen=at
                )
                is_news = _is_news(lasting, changed, told_at, settings.alert_remind_hours)
                store.keep(changed, told_at=at if is_news else told_at)
                if is_news:
                    store.enqueue("updated", changed, settings.channels)
        outbox.deliver(settings)


def resolve_fault(key: str, detail: str = "") -> None:
    """The thing is well again. Tells people when they had been told that it was not, else nothing. Never raises."""
    with _whatever_happens(key):
        if not outbox.exists():
            return
        settings = read(AlertSettings)
        with outbox.transaction() as store:
            known = store.fault(key)
            if known is None:
                return
            over, _ = known
            ended = {**asdict(over), "detail": _cut(detail) or over.detail, "last_seen": _now()}
            store.forget(key)
            store.enqueue("resolved", OpenFault(**ended), settings.channels)
        outbox.deliver(settings)


def open_faults() -> list[OpenFault]:
    """Oldest first."""
    if not outbox.exists():
        return []
    with outbox.transaction() as store:
        return store.faults()


def _is_news(before: OpenFault, now: OpenFault, told_at: str, remind_hours: float) -> bool:
    if now.severity == "failure" and before.severity == "warning":
        return True
    is_due = datetime.fromisoformat(now.last_seen) - datetime.fromisoformat(told_at) >= timedelta(hours=remind_hours)
    return is_due and now.detail.split("\n")[0] != before.detail.split("\n")[0]


def _clean(fault: Fault) -> Fault:
    return Fault(**{**asdict(fault), "title": _cut(fault.title, 200), "detail": _cut(fault.detail)})


def _cut(text: str, most: int = CHARACTERS) -> str:
    """Of a sane length and without what looks like a credential, whoever wrote it."""
    masked = _SECRET.sub(r"\1=***", _USER.sub("***", text.strip()))
    return masked if len(masked) <= most else masked[: most - 1] + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _whatever_happens(key: str) -> Iterator[Any]:
    """An alert that cannot be kept is said in the log of whoever raised it, and costs him nothing more."""
    try:
        yield
    except Exception:
        log.exception("the alert %s could not be kept or sent", key)
