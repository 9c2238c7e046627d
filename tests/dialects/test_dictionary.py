"""Whatever a reader meets is described, and nothing personal passes staging."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def described(kind: str) -> dict[str, dict[str, Any]]:
    return {
        item["name"]: item
        for folder in ("models", "seeds", "macros")
        for path in (PROJECT / folder).rglob("*.yml")
        for item in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(kind, [])
        if isinstance(item, dict)
    }


def names(folder: str, suffix: str = ".sql") -> set[str]:
    return {path.stem for path in (PROJECT / folder).rglob(f"*{suffix}")}


def pii(column: dict[str, Any]) -> str | None:
    found = column.get("config", {}).get("meta", {}).get("pii")
    return None if found is None else str(found)


MODELS = described("models")


def test_every_model_and_seed_is_described() -> None:
    assert names("models") == set(MODELS)
    assert names("seeds", ".csv") == set(described("seeds"))
    assert [name for name, model in MODELS.items() if not model.get("description", "").strip()] == []


def test_a_description_opens_with_the_grain() -> None:
    grains = re.compile(r"\s*(One row|As )")
    assert [name for name, model in MODELS.items() if not grains.match(model["description"])] == []


def test_every_column_is_described() -> None:
    bare = [
        f"{name}.{column['name']}"
        for name, model in {**MODELS, **described("seeds")}.items()
        for column in model.get("columns", [])
        if not column.get("description", "").strip()
    ]
    assert bare == []


def test_every_column_of_staging_marts_and_ledger_has_a_type() -> None:
    untyped = [
        f"{name}.{column['name']}"
        for layer in ("staging", "marts", "ledger")
        # Balances are parts of `conservation`, which declares their columns.
        for name in sorted(names(f"models/{layer}") - names("models/ledger/balances"))
        for column in MODELS[name]["columns"]
        if not column.get("data_type")
    ]
    assert untyped == []


def test_no_personal_column_stands_in_marts_or_ledger() -> None:
    personal = {
        column["name"]
        for name in names("models/staging")
        for column in MODELS[name]["columns"]
        if pii(column) == "direct"
    }
    assert {"account_number", "customer_name", "service_address", "meter_number", "account_id", "original"} <= personal
    found = [
        f"{name}.{column['name']}"
        for layer in ("marts", "ledger")
        for name in names(f"models/{layer}") - names("models/ledger/balances")
        for column in MODELS[name]["columns"]
        if column["name"] in personal or pii(column) == "direct"
    ]
    assert found == []


def test_every_macro_has_its_promise() -> None:
    described_macros = described("macros")
    written = set()
    for folder in ("parse", "dialect", "staging", "tests"):
        for path in (PROJECT / "macros" / folder).glob("*.sql"):
            text = path.read_text(encoding="utf-8")
            written |= set(re.findall(r"{%-? macro (?!duckdb__|postgres__|default__)(\w+)", text))
            written |= {f"test_{name}" for name in re.findall(r"{%-? test (\w+)", text)}
    assert written - set(described_macros) == set()
    assert [name for name, macro in described_macros.items() if not macro.get("description", "").strip()] == []
    every = {
        name
        for path in (PROJECT / "macros").rglob("*.sql")
        for macro, test in re.findall(r"{%-? (?:macro (\w+)|test (\w+))", path.read_text(encoding="utf-8"))
        for name in [macro or f"test_{test}"]
    }
    assert set(described_macros) - every == set()
