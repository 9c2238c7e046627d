"""What several commands take alike."""

from __future__ import annotations

import typer


def pairs(params: list[str]) -> dict[str, str]:
    """`--param KEY=VALUE`, each as one item. Raises BadParameter."""
    found = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{param!r} is not KEY=VALUE", param_hint="--param")
        found[key] = value
    return found
