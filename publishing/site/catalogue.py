"""dbt's documentation of models, columns and tests: one static page, and the manifest and catalogue behind it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.errors import WarehouseError
from ingestion.settings import ROOT
from publishing.dbt import dbt_command, environment


@dataclass(frozen=True)
class Documented:
    """What dbt knows of the project. `page` names no folder of this machine; `target` is where dbt left it."""

    page: str
    manifest: dict[str, Any]
    catalogue: dict[str, Any]
    target: Path


def document(has_warehouse: bool = True) -> Documented:
    """Asks dbt. Raw must have landed, unless it is done without a warehouse: then there is no compiled SQL, and no type
    that the YAML does not say. Raises WarehouseError with dbt's words."""
    given = environment()
    target = ROOT / given.get("DBT_TARGET_PATH", "target")
    steps = [["docs", "generate", "--static"]]
    if not has_warehouse:
        steps = [["parse"], [*steps[0], "--empty-catalog", "--no-compile"]]
    for step in steps:
        done = subprocess.run(dbt_command("--quiet", *step), cwd=ROOT, env=given, capture_output=True, text=True)
        if done.returncode:
            said = (done.stdout + done.stderr).strip()
            raise WarehouseError("DOCS_FAILED", f"{said}\nThe catalogue needs what has landed: `make ingest`.")

    def without_folders(name: str) -> str:
        # The page carries dbt's manifest, which names the folders that the project was built in.
        return (target / name).read_text(encoding="utf-8").replace(str(target), "target").replace(str(ROOT), ".")

    manifest, catalogue = (json.loads(without_folders(name)) for name in ("manifest.json", "catalog.json"))
    return Documented(without_folders("static_index.html"), manifest, catalogue, target)
