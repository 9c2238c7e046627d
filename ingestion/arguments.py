"""What several commands take alike: what is typed is understood or refused (BadParameter, exit 2), never passed by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import typer

from ingestion.source import Source

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""What lies outside is a slip of the keyboard, and calendars of zones and gas days end somewhere."""
SWITCH = ("1", "true", "yes", "0", "false", "no")


def pairs(params: list[str], sources: Sequence[Source]) -> dict[str, str]:
    """`--param KEY=VALUE`, each as one item, and each known to one of the sources at least."""
    known = {param.name: param for source in sources for param in source.params}
    found: dict[str, str] = {}
    for typed in params:
        key, equals, value = typed.partition("=")
        if not equals or not key or not value.strip():
            raise _refused("--param", f"{typed!r} is not KEY=VALUE")
        if key not in known:
            names = " and ".join(source.name for source in sources)
            there = ", ".join(f"{param.name} ({param.help})" for param in known.values())
            verb = "knows" if len(sources) == 1 else "know"
            raise _refused("--param", f"{names} {verb} no {key!r}; there are{f': {there}' if there else ' none'}")
        if key in found:
            raise _refused("--param", f"{key!r} is given twice")
        if known[key].is_switch and value.lower() not in SWITCH:
            raise _refused("--param", f"{key} is true or false, not {value!r}")
        found[key] = value
    return found


def stretch(since: datetime | None, until: datetime | None) -> tuple[date | None, date | None]:
    """The days of `--since` and `--until`, in their order."""
    for hint, day in (("--since", since), ("--until", until)):
        if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise _refused(hint, f"{day.date()} is not between {FIRST_YEAR}-01-01 and {LAST_YEAR}-12-31")
    if since and until and until < since:
        raise _refused("--until", f"{until.date()} lies before {since.date()}")
    return since.date() if since else None, until.date() if until else None


def instant(text: str) -> datetime:
    """An instant, with its offset from UTC: without one it would mean another moment on another machine."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant like 2021-04-06T15:00:00Z") from None
    if found.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset from UTC: write {text}Z if it is UTC")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise typer.BadParameter(f"{text!r} is not between the years {FIRST_YEAR} and {LAST_YEAR}")
    return found


def _refused(hint: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=hint)
