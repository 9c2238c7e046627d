"""What sqlfluff sees instead of dbt's own cross-database macros."""

from __future__ import annotations


def type_string() -> str:
    """The type of text."""
    return "text"


def dateadd(part: str, interval: str, date: str) -> str:
    """A date so many parts later."""
    return f"{date} + interval '{interval} {part}'"
