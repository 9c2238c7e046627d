"""Every quantity that readers see says its unit, and says one unit only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from publishing.site.units import SAME, is_quantity, of_ending, unit

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"


def quantities(*layers: str) -> Iterator[tuple[str, str, str, object]]:
    """(model, column, type, unit of the YAML) of each number that measures or counts."""
    for layer in layers:
        for path in (MODELS / layer).rglob("_*.yml"):
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                for column in model.get("columns", []):
                    kind = str(column.get("data_type") or "")
                    if is_quantity(column["name"], kind):
                        meta = column.get("config", {}).get("meta", {})
                        yield model["name"], column["name"], kind, meta.get("unit")


def test_every_quantity_of_a_mart_or_ledger_has_a_unit() -> None:
    found = list(quantities("marts", "ledger"))
    assert len(found) > 250
    assert [f"{model}.{name}" for model, name, kind, declared in found if not unit(name, kind, declared)] == []


def test_no_declared_unit_contradicts_the_name() -> None:
    said = {
        f"{model}.{name}": (SAME.get(str(declared), declared), of_ending(name))
        for model, name, _, declared in quantities("marts", "ledger", "staging")
        if declared and of_ending(name)
    }
    assert len(said) > 150
    assert {name: both for name, both in said.items() if both[0] != both[1]} == {}


@pytest.mark.parametrize(
    ("name", "kind", "declared", "expected"),
    [
        ("consumption_kwh", "numeric(18,6)", None, "kWh"),
        ("avg_flow_lps", "numeric(18, 6)", None, "L/s"),
        ("completeness_pct", "numeric(5,2)", "percent", "%"),
        ("rows_landed", "bigint", None, "rows"),
        ("late_tables", "bigint", None, "tables"),
        ("actual_value", "numeric(18,6)", "see measurement_type", "see measurement_type"),
        ("read_at", "timestamp", None, "UTC"),
        ("read_at_local", "timestamp", None, "local time"),
        ("unit_m", "string", None, ""),
        ("multiplier", "numeric(18,6)", None, ""),
    ],
)
def test_a_unit_is_that_of_the_yaml_or_of_the_name(name: str, kind: str, declared: str | None, expected: str) -> None:
    assert unit(name, kind, declared) == expected


@pytest.mark.parametrize(
    ("name", "kind", "is_one"),
    [
        ("amount_due_cad", "numeric(18,2)", True),
        ("multiplier", "double precision", True),
        ("reading_count", "bigint", True),
        ("agreement_id", "bigint", False),
        ("version_number", "integer", False),
        ("cycle_order", "bigint", False),
        ("_source_row", "bigint", False),
        ("consumption_kwh", "string", False),
        ("interval", "interval", False),
    ],
)
def test_a_quantity_is_a_number_that_measures_or_counts(name: str, kind: str, is_one: bool) -> None:
    assert is_quantity(name, kind) is is_one
