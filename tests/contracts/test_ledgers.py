"""Every source whose rows reach a mart has its balances in `ledger.conservation`."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
CALL = r"\(\s*'(\w+)'(?:\s*,\s*'(\w+)')?\s*\)"


def sources_of_marts() -> set[str]:
    """Sources that some mart reads, through however many models. The landing's own tables are no source."""
    parents: dict[str, set[str]] = {}
    for path in MODELS.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        read = {f"source {name}" for name, table in re.findall(rf"source{CALL}", text)}
        parents[path.stem] = read | {name for name, _ in re.findall(rf"\bref{CALL}", text)}
    wanted = {path.stem for path in (MODELS / "marts").rglob("*.sql")}
    found: set[str] = set()
    while wanted:
        found |= wanted
        wanted = {parent for name in wanted for parent in parents.get(name, ())} - found
    return {name.removeprefix("source ") for name in found if name.startswith("source ")} - {"landing"}


def test_every_source_with_marts_has_its_balances() -> None:
    balances = MODELS / "ledger" / "balances"
    parts = {path.stem for path in balances.glob("conservation_*.sql")}
    union = (MODELS / "ledger" / "conservation.sql").read_text(encoding="utf-8")
    assert {f"conservation_{source}" for source in sources_of_marts()} <= parts
    assert {name for name, _ in re.findall(rf"\bref{CALL}", union)} == parts
    described = yaml.safe_load((balances / "_balances__models.yml").read_text(encoding="utf-8"))["models"]
    assert {model["name"] for model in described} == parts


def test_the_walk_from_marts_to_sources_finds_those_that_are_known() -> None:
    assert {"smart_meters", "winnipeg_billing"} <= sources_of_marts()


def test_every_source_says_how_fresh_it_should_be() -> None:
    """The same question for all of them, its own thresholds for each."""
    for path in (MODELS / "staging").rglob("_*__sources.yml"):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            if source["name"] != "landing":
                assert source["config"]["loaded_at_query"] == "{{ last_landed() }}", source["name"]
                assert {"warn_after", "error_after"} <= set(source["config"]["freshness"]), source["name"]
