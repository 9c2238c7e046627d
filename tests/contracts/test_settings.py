"""Every variable the code reads stands in .env.example, and no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import alerting.settings  # noqa: F401 (its class is found among the subclasses)
import ingestion
import operations
import serving
from ingestion import registry
from ingestion.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = (ROOT / ".env.example").read_text(encoding="utf-8")


def listed() -> list[str]:
    return re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", TEMPLATE, flags=re.MULTILINE)


def classes(kind: type[Settings]) -> Iterator[type[Settings]]:
    for child in kind.__subclasses__():
        yield child
        yield from classes(child)


def test_the_template_lists_every_setting_once_and_nothing_else() -> None:
    for room in (ingestion, operations, serving):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            # Scripts do something when they are imported: Streamlit would go on drawing what a page had begun.
            if not re.search(r"__main__$|\.dashboard\.(pages|entry)\b", module.name):
                importlib.import_module(module.name)
    read = {field.upper() for kind in classes(Settings) for field in kind.model_fields}
    pointing = {name for source in registry.sources() for name in source.settings}
    scheduling = {
        "AIRFLOW_RETRY_SECONDS",
        "TRANSFORMER_PGUSER",
        "TRANSFORMER_PGPASSWORD",
        *(f"{name.upper()}_SCHEDULE" for name in registry.names()),
    }
    assert sorted(listed()) == sorted(read | pointing | scheduling)


def test_the_template_holds_no_values() -> None:
    assert re.findall(r"^[A-Z0-9_]+=(.+)$", TEMPLATE, flags=re.MULTILINE) == []


def test_dbt_reads_the_same_variables_as_ingestion() -> None:
    profiles = (ROOT / "dbt_project" / "profiles.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"env_var\(\s*['\"](\w+)['\"]", profiles)) <= set(listed())
