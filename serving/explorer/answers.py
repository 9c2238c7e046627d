"""What comes back from the explorer, and what ends a question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.errors import LandingError

if TYPE_CHECKING:
    import pyarrow as pa

    from serving.published import Publication

MAX_ROWS = 10_000


class ExplorerError(LandingError):
    """The question is not answered; `message` says why in a sentence for the person who asked."""


@dataclass(frozen=True)
class Result:
    """Rows as an Arrow table with the types of `serving.published`; `is_truncated` when there were more."""

    publication: Publication
    table: pa.Table
    is_truncated: bool
    milliseconds: int


@dataclass(frozen=True)
class Plan:
    """How the engine would go about it, in its own words."""

    publication: Publication
    text: str
    milliseconds: int


@dataclass(frozen=True)
class Asked:
    """One question that was asked. `asked_at` is UTC; `outcome` is OK, an error's code, or UNFINISHED."""

    asked_at: datetime
    who: str
    kind: str
    sql: str
    outcome: str
    rows: int | None
    milliseconds: int | None
