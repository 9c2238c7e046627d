"""python -m serving.explorer "select ...": one question, as the dashboard's SQL page asks it.

Exit codes: 0 answered, 1 not answered (the reason is said), 2 usage or configuration, 75 busy.
"""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingestion.errors import LandingError
from serving.explorer import ask, explain

console = Console() if sys.stdout.isatty() else Console(width=160)


def main(
    sql: Annotated[str, typer.Argument(help="One SELECT over marts and ledgers, named bare.")],
    rows: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows to show.")] = 40,
    plan: Annotated[bool, typer.Option("--explain", help="Show how it would be answered, and do not ask.")] = False,
) -> None:
    """Asks the published copy, and nothing else."""
    try:
        if plan:
            console.print(explain(sql, getpass.getuser()).text, markup=False, highlight=False, soft_wrap=True)
            return
        result = ask(sql, getpass.getuser(), rows)
    except LandingError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    caption = f"the first {rows} rows" if result.is_truncated else None
    table = Table(box=None, pad_edge=False, caption=caption)
    for name in result.table.column_names:
        table.add_column(Text(name), no_wrap=True)
    for row in zip(*(column.to_pylist() for column in result.table.columns), strict=True):
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
