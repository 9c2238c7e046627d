"""Who called what, when and how it ended: one line a call in `<METERHOUSE_DATA>/api/calls.jsonl`. No body, no key."""

from __future__ import annotations

from pathlib import Path

from serving.journal import Journal, now

_LETTERS = 2_000


class Calls:
    """The journal of calls. A call that cannot be written down is refused by the caller of `write` (OSError)."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "calls.jsonl", max_bytes=50_000_000)

    def write(self, who: str, method: str, path: str, query: str, status: int, milliseconds: int) -> None:
        line = {"at": now(), "who": who, "method": method, "path": path[:_LETTERS], "query": query[:_LETTERS]}
        self.journal.append({**line, "status": status, "ms": milliseconds})
