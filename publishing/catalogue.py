"""The catalogue: dbt's documentation of every model, column and test as one static page that needs no server."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ingestion.errors import WarehouseError
from ingestion.settings import ROOT
from publishing.dbt import dbt_command, environment

PAGE = ROOT / "docs" / "site" / "index.html"


def write(page: Path = PAGE) -> Path:
    """Makes the page anew and returns its path; raw must have landed. Raises WarehouseError with dbt's words."""
    given = environment()
    done = subprocess.run(
        dbt_command("--quiet", "docs", "generate", "--static"), cwd=ROOT, env=given, capture_output=True, text=True
    )
    target = ROOT / given.get("DBT_TARGET_PATH", "target")
    made = target / "static_index.html"
    if done.returncode or not made.exists():
        said = (done.stdout + done.stderr).strip()
        raise WarehouseError("DOCS_FAILED", f"{said}\nThe catalogue needs what has landed: `make ingest`.")
    page.parent.mkdir(parents=True, exist_ok=True)
    # The page carries dbt's manifest, which names the folders that the project was built in.
    text = made.read_text(encoding="utf-8").replace(str(target), "target").replace(str(ROOT), ".")
    page.write_text(text, encoding="utf-8")
    return page
