"""python -m publishing [build | summary | docs]: without a verb, publishes what the last build made, if it passed.

Exit codes: 0 done, 1 not published or build failed, 2 usage or configuration, 75 busy.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ingestion.errors import LandingError
from publishing.publish import publish

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(soft_wrap=True)
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
def docs(
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Writes the catalogue of models and columns as one static page."""
    from publishing.catalogue import write

    try:
        page = write()
    except LandingError as error:
        raise fail(error) from None
    console.print(f"The catalogue is one page: {page}", highlight=False)
    if open_page:
        typer.launch(page.as_uri())


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
