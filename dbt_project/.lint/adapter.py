"""What sqlfluff sees instead of dbt's adapter: a macro with a body per engine is one opaque piece of SQL to the linter."""

from __future__ import annotations

from collections.abc import Callable

SELECTS = {"instants": "select null as instant"}


def dispatch(name: str, namespace: str | None = None) -> Callable[..., str]:
    """The macro's body: an expression, or a SELECT for the few that are one."""
    return lambda *arguments, **options: SELECTS.get(name, "null")
