"""A source's declaration and the staging YAML say the same of each raw table: columns, keys and what is personal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion import registry

STAGING = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "staging"


def declared() -> dict[tuple[str, str], dict[str, Any]]:
    """YAML columns of the staging model of each raw table, by (dbt source, table)."""
    models = {
        model["name"]: model
        for path in STAGING.rglob("*__models.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    }
    found = {}
    for path in STAGING.rglob("*.sql"):
        named = re.search(r"source\(\s*'(\w+)'\s*,\s*'(\w+)'\s*\)", path.read_text(encoding="utf-8"))
        assert named is not None, f"{path.name} reads no source"
        found[(named[1], named[2])] = models[path.stem]
    return found


def meta(column: dict[str, Any]) -> dict[str, Any]:
    return dict(column.get("config", {}).get("meta", {}))


def raw_names(column: dict[str, Any]) -> list[str]:
    raw = meta(column).get("raw", [])
    return [raw] if isinstance(raw, str) else list(raw)


TABLES = [(source.name, table) for source in registry.sources() for table in source.tables]


@pytest.mark.parametrize(("source", "table"), TABLES, ids=[f"{s}.{t.name}" for s, t in TABLES])
def test_staging_declares_the_columns_that_the_source_declares(source: str, table: Any) -> None:
    columns = declared()[(source, table.name)]["columns"]
    assert sorted(name for column in columns for name in raw_names(column)) == sorted(table.columns)


@pytest.mark.parametrize(("source", "table"), TABLES, ids=[f"{s}.{t.name}" for s, t in TABLES])
def test_what_landing_gives_a_pseudonym_is_what_staging_calls_direct(source: str, table: Any) -> None:
    columns = declared()[(source, table.name)]["columns"]
    direct = {name for column in columns if meta(column).get("pii") == "direct" for name in raw_names(column)}
    assert direct == set(table.personal)


def test_every_raw_column_has_a_class_and_a_description() -> None:
    bare = [
        f"{model['name']}.{column['name']}"
        for model in declared().values()
        for column in model["columns"]
        if not column.get("description") or (raw_names(column) and meta(column).get("pii") not in PII)
    ]
    assert bare == []


PII = ("direct", "quasi", "none")


def test_no_raw_table_is_read_by_two_staging_models() -> None:
    assert len(declared()) == len(list(STAGING.rglob("*.sql")))
