"""Lands bill pages of a folder through the project's own door, without the wire: `python -m bench.stored_pages FOLDER`.

The limit reads files too, so this is what is compared with it; the bench prints the whole landing over HTTP beside it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ingestion.landing import land
from ingestion.report import Report
from ingestion.run import Options
from ingestion.source import Batch, Problem, Run, Unchanged
from ingestion.sources.winnipeg_billing import SOURCE
from ingestion.sources.winnipeg_billing.fetch import Page
from ingestion.sources.winnipeg_billing.read import Reading, batch_of


def main(folder: Path) -> int:
    """0 when every page landed whole."""
    fields = tuple(json.loads((folder / "columns.json").read_text()))
    rows = json.loads((folder / "rows.json").read_text())

    def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
        pages = [
            Page(run.store("utility_billing", "page.json", (folder / name).read_bytes()), name, [""] * count, fields)
            for name, count in rows.items()
        ]
        names = {field: field.replace(":", "_") for field in fields}
        yield batch_of(Reading("full", None, names, pages, set(), pages))

    (outcome,) = land([replace(SOURCE, read=read)], Options(), Report())
    print(outcome.status, outcome.rows, *outcome.problems)
    return 0 if outcome.status == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
