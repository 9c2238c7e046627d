"""Who asked what, when and with which outcome: lines of JSON, only ever added to. No value of an answer is kept.

A question is written down before it is carried out, its end after: one that was never ended (the machine stopped) can
be seen. `<METERHOUSE_DATA>/explorer/questions.jsonl`; at MAX_BYTES it becomes `.1`, and of those KEPT are kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ingestion.errors import WarehouseError
from ingestion.settings import LandingSettings, read
from serving.explorer.answers import Asked

MAX_BYTES = 10_000_000
KEPT = 5
_LETTERS = 20_000


def path() -> Path:
    return read(LandingSettings).data / "explorer" / "questions.jsonl"


def begin(who: str, kind: str, sql: str) -> str:
    """Writes the question down and returns its number. Raises WarehouseError AUDIT_FAILED: then it is not asked."""
    number = secrets.token_hex(8)
    _append({"id": number, "at": _now(), "who": who[:200], "kind": kind, "sql": sql[:_LETTERS]})
    return number


def end(number: str, outcome: str, rows: int | None, milliseconds: int) -> None:
    _append({"id": number, "at": _now(), "outcome": outcome, "rows": rows, "ms": milliseconds})


def history(who: str, limit: int = 100) -> list[Asked]:
    """What that person asked, newest first."""
    asked: dict[str, dict[str, object]] = {}
    for line in _lines():
        if line.get("who") == who:
            asked[str(line["id"])] = line
        elif line["id"] in asked and "outcome" in line:
            asked[str(line["id"])].update(outcome=line["outcome"], rows=line["rows"], ms=line["ms"])
    newest = list(reversed(asked.values()))[:limit]
    return [_asked(line) for line in newest]


def _asked(line: dict[str, object]) -> Asked:
    rows, milliseconds = line.get("rows"), line.get("ms")
    return Asked(
        datetime.fromisoformat(str(line["at"])),
        str(line["who"]),
        str(line["kind"]),
        str(line["sql"]),
        str(line.get("outcome", "UNFINISHED")),
        rows if isinstance(rows, int) else None,
        milliseconds if isinstance(milliseconds, int) else None,
    )


def _lines() -> Iterator[dict[str, object]]:
    newest = path()
    for file in [newest.with_suffix(f".jsonl.{number}") for number in range(KEPT, 0, -1)] + [newest]:
        if not file.exists():
            continue
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue  # cut short when the machine stopped


def _append(line: dict[str, object]) -> None:
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        guard = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if file.exists() and file.stat().st_size > MAX_BYTES:
                for number in range(KEPT - 1, 0, -1):
                    older = file.with_suffix(f".jsonl.{number}")
                    if older.exists():
                        older.replace(file.with_suffix(f".jsonl.{number + 1}"))
                file.replace(file.with_suffix(".jsonl.1"))
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\n")
            finally:
                os.close(descriptor)
        finally:
            os.close(guard)
    except OSError as error:
        raise WarehouseError(
            "AUDIT_FAILED", f"the question cannot be written down in {file.parent} ({type(error).__name__}): not asked"
        ) from None


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
