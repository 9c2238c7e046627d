"""The catalogue: dbt's documentation of every model, column and test as one static page that needs no server."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ingestion.errors import WarehouseError
from ingestion.settings import ROOT
from publishing.dbt import dbt_command, environment

PAGE = ROOT / "docs" / "site" / "index.html"


def write() -> Path:
    """Makes the page anew and returns its path; raw must have landed. Raises WarehouseError with dbt's words."""
    done = subprocess.run(
        dbt_command("--quiet", "docs", "generate", "--static"),
        cwd=ROOT, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    made = ROOT / "target" / "static_index.html"
    if done.returncode or not made.exists():
        raise WarehouseError(
            "DOCS_FAILED", f"{(done.stdout + done.stderr).strip()}\nThe catalogue needs a build: `make run`."
        )
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    # The page carries dbt's manifest, which names the folder that the project was built in.
    PAGE.write_text(made.read_text(encoding="utf-8").replace(str(ROOT), "."), encoding="utf-8")
    return PAGE
