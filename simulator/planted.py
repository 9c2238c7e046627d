"""The list of planted things in truth.json: what, how many, where."""

from __future__ import annotations

from typing import Any

PLACES = 50
"""Places listed per kind; the quantity is always complete."""


class Planted:
    """Collects planted things by kind."""

    def __init__(self) -> None:
        self._faults: dict[str, dict[str, Any]] = {}

    def add(self, fault: str, where: object, *, means: str) -> None:
        """Notes one more of a kind at a place (a row identifier, an agreement, a meter point, a stamp)."""
        entry = self._faults.setdefault(fault, {"fault": fault, "means": means, "quantity": 0, "where": []})
        entry["quantity"] += 1
        if len(entry["where"]) < PLACES:
            entry["where"].append(where)

    def listed(self) -> list[dict[str, Any]]:
        """One entry per kind, in the order in which the kinds were met."""
        return list(self._faults.values())
