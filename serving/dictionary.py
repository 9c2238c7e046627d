"""What the published columns mean: the models' own YAML, which is the data dictionary (design D5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ingestion.settings import ROOT

MODELS = ROOT / "dbt_project" / "models"
PUBLISHED_FOLDERS = ("marts", "ledger")
_DOCS_BLOCK = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
_DOCS_CALL = re.compile(r"{{ *doc\('(\w+)'\) *}}")


@dataclass(frozen=True)
class Meaning:
    """A column as declared; `data_type` is the portable word (`string`, `numeric(18, 6)`, `timestamp`, ...)."""

    name: str
    data_type: str
    description: str
    unit: str | None
    is_required: bool


@dataclass(frozen=True)
class Table:
    """A mart or ledger; its description opens with the grain."""

    name: str
    description: str
    columns: tuple[Meaning, ...]


@cache
def tables() -> dict[str, Table]:
    """Each published table by its bare name."""
    words = {
        name: text.strip()
        for path in sorted(MODELS.rglob("*.md"))
        for name, text in _DOCS_BLOCK.findall(path.read_text(encoding="utf-8"))
    }
    found = {}
    for folder in PUBLISHED_FOLDERS:
        for path in sorted((MODELS / folder).rglob("_*.yml")):
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                if model.get("columns"):
                    columns = tuple(_meaning(column, words) for column in model["columns"])
                    found[model["name"]] = Table(model["name"], _text(model.get("description"), words), columns)
    return found


def _meaning(column: dict[str, Any], words: dict[str, str]) -> Meaning:
    return Meaning(
        column["name"],
        str(column.get("data_type", "string")),
        _text(column.get("description"), words),
        column.get("config", {}).get("meta", {}).get("unit"),
        any(constraint["type"] == "not_null" for constraint in column.get("constraints", [])),
    )


def _text(description: str | None, words: dict[str, str]) -> str:
    return " ".join(_DOCS_CALL.sub(lambda call: words[call.group(1)], description or "").split())
