"""Whoever opens the published copy with a client of their own finds what tables and columns mean in its catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from serving.published import open_published
from tests.end_to_end.conftest import ROOT, House

DUCKDB = "select comment from duckdb_tables() where schema_name = 'marts' and table_name = 'night_flow'"
POSTGRES = "select obj_description('published.night_flow'::regclass)"


def declared() -> dict[tuple[str, str], str]:
    """What the YAML says of each column that readers see, but for words that stand in a docs block."""
    found = {}
    for layer in ("marts", "ledger"):
        for path in (ROOT / "dbt_project" / "models" / layer).rglob("_*__*.yml"):
            for model in yaml.safe_load(Path(path).read_text(encoding="utf-8")).get("models", []):
                for column in model.get("columns", []):
                    if "{{" not in column["description"]:
                        found[model["name"], column["name"]] = " ".join(column["description"].split())
    return found


def test_every_published_column_has_its_description(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in house.warehouse.env.items():
        monkeypatch.setenv(name, value)
    reader = open_published()
    try:
        found = {
            (table, column.name): " ".join((column.description or "").split())
            for table, columns in reader.tables().items()
            for column in columns
        }
    finally:
        reader.close()
    assert found["fct_sensor_readings", "flow_lps"] == "Flow. Zero is a reading, null is none."
    assert [place for place, words in found.items() if not words] == []
    words = declared()
    assert len(words) > 500
    assert {place: found[place] for place in words if found[place] != words[place]} == {}


def test_every_published_table_has_its_description(house: House) -> None:
    ((comment,),) = house.ask(DUCKDB if house.engine == "duckdb" else POSTGRES)
    assert " ".join(str(comment).split()) == (
        "One row per zone and local night (var abbanoa_night_hours) in which any input was read."
    )
