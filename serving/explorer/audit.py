"""Who asked what, when and with which outcome. No value of an answer is kept.

A question is written down before it is carried out, its end after: one that was never ended (the machine stopped) can
be seen. `<METERHOUSE_DATA>/explorer/questions.jsonl`.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from ingestion.errors import WarehouseError
from ingestion.settings import LandingSettings, read
from serving.explorer.answers import Asked
from serving.journal import Journal, now

MAX_BYTES = 10_000_000
_LETTERS = 20_000


def journal() -> Journal:
    return Journal(read(LandingSettings).data / "explorer" / "questions.jsonl", MAX_BYTES)


def begin(who: str, kind: str, sql: str) -> str:
    """Writes the question down and returns its number. Raises WarehouseError AUDIT_FAILED: then it is not asked."""
    number = secrets.token_hex(8)
    _append({"id": number, "at": now(), "who": who[:200], "kind": kind, "sql": sql[:_LETTERS]})
    return number


def end(number: str, outcome: str, rows: int | None, milliseconds: int) -> None:
    _append({"id": number, "at": now(), "outcome": outcome, "rows": rows, "ms": milliseconds})


def history(who: str, limit: int = 100) -> list[Asked]:
    """What that person asked, newest first."""
    asked: dict[str, dict[str, object]] = {}
    for line in journal().lines():
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


def _append(line: dict[str, object]) -> None:
    try:
        journal().append(line)
    except OSError as error:
        place = journal().path.parent
        raise WarehouseError(
            "AUDIT_FAILED", f"the question cannot be written down in {place} ({type(error).__name__}): not asked"
        ) from None
