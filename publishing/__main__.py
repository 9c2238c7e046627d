"""python -m publishing [build | summary | ask | docs]: without a verb, publishes the last build if it passed.

Exit codes: 0 done, 1 not published or build failed, 2 usage or configuration, 75 busy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingestion.errors import LandingError
from publishing.publish import publish

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
# Away from a terminal nobody gains from lines cut at 80 characters.
console = Console() if sys.stdout.isatty() else Console(width=160)
errors = Console(stderr=True, soft_wrap=True)


def fail(error: LandingError) -> typer.Exit:
    errors.print(str(error), style="red", markup=False, highlight=False)
    return typer.Exit(error.exit_code)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        _publish()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build(context: typer.Context) -> None:
    """`dbt build` with progress, then publish if it passed. Further arguments go to dbt."""
    from publishing.dbt import build as dbt_build

    console.print("Building and testing with dbt", style="bold")
    code = dbt_build(context.args, console)
    if code:
        errors.print("Not published: readers keep the last copy.", style="red")
        raise typer.Exit(1)
    _publish()


@app.command()
def summary() -> None:
    """What landed, what the published marts hold, what the ledgers found, and where to look next."""
    from publishing.summary import show

    try:
        show(console)
    except LandingError as error:
        raise fail(error) from None


@app.command()
def ask(
    sql: Annotated[str, typer.Argument(help="One SELECT; marts are marts.x on DuckDB and published.x on PostgreSQL.")],
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 40,
) -> None:
    """Shows the answer of the published copy, which is opened for reading only."""
    from publishing.copy import ask as ask_copy

    try:
        console.print(ask_copy(sql, rows))
    except LandingError as error:
        raise fail(error) from None


@app.command()
def docs(
    out: Annotated[Path | None, typer.Option(help="The page to write; default docs/site/index.html.")] = None,
) -> None:
    """Writes the catalogue of models and columns as one static page."""
    from publishing.catalogue import PAGE, write

    try:
        page = write(out or PAGE)
    except LandingError as error:
        raise fail(error) from None
    console.print(f"The catalogue is one page: {page}", highlight=False)


def _publish() -> None:
    try:
        publication = publish()
    except LandingError as error:
        raise fail(error) from None
    tables = [name for name in publication.tables if name.startswith("marts.")]
    console.print(
        f"Published {len(tables)} marts and {len(publication.tables) - len(tables)} ledgers to {publication.where}",
        highlight=False,
    )


if __name__ == "__main__":
    app()
