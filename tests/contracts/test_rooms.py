"""Imports point one way: the walls between the rooms."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ingestion", "publishing", "alerting", "operations", "simulator", "orchestration", "bench", "serving")
# Nobody imports those who operate the house or start its work.
ON_TOP = {"operations", "orchestration", "serving", "bench", "tests"}
# What a room may not know.
FORBIDDEN = {
    "ingestion": {"dbt", "airflow", "simulator", "publishing", "alerting"} | ON_TOP,
    "publishing": {"dlt", "airflow", "simulator", "alerting"} | ON_TOP,
    "alerting": {"dlt", "dbt", "airflow", "simulator", "publishing"} | ON_TOP,
    "operations": {"dlt", "dbt", "airflow", "simulator", "alerting"} | ON_TOP - {"operations"},
    # dbt and publishing are reached by their commands: an import would bring them into every task of the scheduler.
    "orchestration": {"dlt", "dbt", "publishing", "simulator"} | ON_TOP - {"orchestration"},
    "simulator": {"dlt", "dbt", "airflow", "ingestion", "publishing", "alerting"} | ON_TOP,
    "serving": {"dlt", "dbt", "airflow", "simulator"} | ON_TOP - {"serving"},
    "bench": {"airflow", "operations", "orchestration"},
}


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_a_room_imports_nothing_behind_its_walls(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name.split(".")[0] in FORBIDDEN[room] and "/orchestration/" not in str(path)
    ]
    assert found == []


def test_publishing_knows_of_ingestion_only_its_warehouse_settings_and_errors() -> None:
    allowed = {"ingestion.errors", "ingestion.settings", "ingestion.warehouse"}
    found = {name for path in (ROOT / "publishing").rglob("*.py") for name in imported(path)}
    assert {name for name in found if name.split(".")[0] == "ingestion"} <= allowed


def test_operations_knows_of_ingestion_only_its_warehouse_settings_errors_and_locking() -> None:
    allowed = {"ingestion.errors", "ingestion.settings", "ingestion.warehouse", "ingestion.locking"}
    found = {name for path in (ROOT / "operations").rglob("*.py") for name in imported(path)}
    assert {name for name in found if name.split(".")[0] == "ingestion"} <= allowed


def test_serving_knows_of_ingestion_only_its_warehouse_settings_errors_and_declarations() -> None:
    # The declarations say which raw columns are a person's.
    allowed = {"ingestion.errors", "ingestion.settings", "ingestion.warehouse", "ingestion.registry", "ingestion"}
    found = {name for path in (ROOT / "serving").rglob("*.py") for name in imported(path)}
    assert {name for name in found if name.split(".")[0] == "ingestion"} <= allowed


def test_a_declaration_needs_the_standard_library_only() -> None:
    """So that anything may import it for names, keys and cadence."""
    names = {name.split(".")[0] for name in imported(ROOT / "ingestion" / "source.py")}
    assert names <= set(sys.stdlib_module_names)


def test_every_room_that_exists_has_its_walls() -> None:
    existing = {room for room in ROOMS if (ROOT / room).is_dir()}
    assert existing <= set(FORBIDDEN)


@pytest.mark.parametrize("room", ["alerting", "orchestration"])
def test_who_starts_and_who_tells_knows_of_ingestion_its_declarations_and_settings_only(room: str) -> None:
    allowed = {
        "ingestion.errors",
        "ingestion.settings",
        "ingestion.source",
        "ingestion.registry",
        "ingestion.warehouse",
    }
    found = {name for path in (ROOT / room).rglob("*.py") for name in imported(path)}
    assert {name for name in found if name.split(".")[0] == "ingestion" and "." in name} <= allowed
