"""Lines of JSON in a file, only ever added to: who asked what, when and with which outcome.

Several processes may add at once. At `max_bytes` the file becomes `.1`, and of those `kept` are kept.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Journal:
    """The file need not exist yet; its folder is made for its owner alone."""

    path: Path
    max_bytes: int = 10_000_000
    kept: int = 5

    def append(self, line: Mapping[str, object]) -> None:
        """Raises OSError when the line is not on its way to the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        guard = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if self.path.exists() and self.path.stat().st_size > self.max_bytes:
                for number in range(self.kept - 1, 0, -1):
                    if (older := self._numbered(number)).exists():
                        older.replace(self._numbered(number + 1))
                self.path.replace(self._numbered(1))
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\n")
            finally:
                os.close(descriptor)
        finally:
            os.close(guard)

    def lines(self) -> Iterator[dict[str, object]]:
        """Oldest first."""
        for file in [*(self._numbered(number) for number in range(self.kept, 0, -1)), self.path]:
            if not file.exists():
                continue
            with file.open(encoding="utf-8") as lines:
                for line in lines:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue  # cut short when the machine stopped

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def now() -> str:
    """ISO 8601 to the millisecond, UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
