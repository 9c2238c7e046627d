"""Who reads the marts is declared as it is: each page of the dashboard and each group of API routes is an exposure."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "dbt_project" / "models"
PUBLISHED = {path.stem for layer in ("marts", "ledger") for path in (MODELS / layer).rglob("*.sql")} - {
    path.stem for path in (MODELS / "ledger" / "balances").glob("*.sql")
}
EXPOSURES: dict[str, dict[str, Any]] = {
    one["name"]: one for one in yaml.safe_load((MODELS / "_exposures.yml").read_text(encoding="utf-8"))["exposures"]
}
DASHBOARD = ROOT / "serving" / "dashboard"
ROUTES = ROOT / "serving" / "api" / "routes"
PAGES = ("overview", "consumption", "bills", "weather", "capacity", "water", "quality", "tables", "sql")
GROUPS = (
    "status", "anomalies", "nodes", "network", "consumption", "agreements", "bills", "capacity", "weather",
    "quality", "models", "metrics",
)  # fmt: skip


def depends_on(name: str) -> set[str]:
    return {re.fullmatch(r"ref\('(\w+)'\)", one)[1] for one in EXPOSURES[name]["depends_on"]}  # type: ignore[index]


def asked(path: Path) -> set[str]:
    """Published tables that the texts of a module name; its docstrings ask nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    # A table's name may be a word of another meaning too (`anomalies` as a column of an answer): it counts where SQL
    # names tables, or as a text of its own.
    named = {name for text in texts for name in re.findall(r"\b(?:from|join)\s+(\w+)", text, flags=re.IGNORECASE)}
    return (named | set(texts)) & PUBLISHED


def test_every_page_and_group_of_routes_is_declared_with_its_owner() -> None:
    declared = [*(f"dashboard_{page}" for page in PAGES), *(f"api_{group}" for group in GROUPS), "alerts"]
    assert list(EXPOSURES) == declared
    for name, exposure in EXPOSURES.items():
        assert exposure["type"] == ("dashboard" if name.startswith("dashboard_") else "application")
        assert exposure["owner"]["name"] and exposure["label"] and exposure["description"]
        assert "url" not in exposure
        assert depends_on(name) and depends_on(name) <= PUBLISHED


def test_every_page_that_exists_is_declared() -> None:
    pages = {path.stem for path in (DASHBOARD / "pages").glob("[a-z]*.py")}
    assert "overview" in pages
    assert pages <= set(PAGES)


# A page that is still to be written has no queries yet; overview has.
ASKING = [page for page in PAGES if page == "overview" or (DASHBOARD / "queries" / f"{page}.py").exists()]


@pytest.mark.parametrize("page", ASKING)
def test_what_a_page_asks_stands_in_its_exposure(page: str) -> None:
    assert asked(DASHBOARD / "queries" / f"{page}.py") - depends_on(f"dashboard_{page}") == set()


def test_the_overview_asks_what_is_declared_and_no_less() -> None:
    assert asked(DASHBOARD / "queries" / "overview.py") == depends_on("dashboard_overview")


def test_pages_that_show_any_table_depend_on_all() -> None:
    assert depends_on("dashboard_tables") == depends_on("dashboard_sql") == PUBLISHED


def test_the_api_asks_what_its_exposures_declare_and_no_less() -> None:
    routes = {group for group in GROUPS if group != "metrics"}
    found = {name for path in ROUTES.glob("*.py") for name in asked(path)}
    assert found == {name for group in routes for name in depends_on(f"api_{group}")}
    assert asked(ROUTES.parent / "metrics.py") == depends_on("api_metrics")
    assert asked(ROUTES.parents[1] / "watch" / "rules.py") == depends_on("alerts")


def test_every_published_table_but_another_spelling_has_a_reader_of_its_own() -> None:
    read = {name for one in EXPOSURES if one not in ("dashboard_tables", "dashboard_sql") for name in depends_on(one)}
    assert PUBLISHED - read == {"halfhourly_consumption"}
