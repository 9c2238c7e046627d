"""python -m publishing [build | summary | ask | freshness | docs]: without a verb, publishes the last passed build.

Exit codes: 0 done, 1 not published, build failed or a source is stale, 2 usage or configuration, 75 busy.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingestion.errors import LandingError
from ingestion.settings import read
from ingestion.warehouse import WarehouseSettings
from publishing.publish import PUBLISHED, has_whole_build, publish, published_path
from publishing.records import dbt_version, recorded

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
# Away from a terminal nobody gains from lines cut at 80 characters.
console = Console() if sys.stdout.isatty() else Console(width=160)
errors = Console(stderr=True, soft_wrap=True)


def fail(error: LandingError) -> typer.Exit:
    errors.print(str(error), style="red", markup=False, highlight=False)
    return typer.Exit(error.exit_code)


def warn(sentence: str) -> None:
    errors.print(sentence, style="yellow", markup=False, highlight=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Publish again what is published already.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        _publish(force)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def build(
    context: typer.Context,
    if_missing: Annotated[
        bool,
        typer.Option("--if-missing", help="Only where no whole build has ever passed; further arguments are refused."),
    ] = False,
) -> None:
    """`dbt build` with progress, then publish if it passed. Further arguments go to dbt."""
    from publishing.dbt import build as dbt_build

    if if_missing:
        if context.args:
            raise typer.BadParameter(f"--if-missing builds everything and takes no {context.args[0]!r}")
        try:
            if has_whole_build():
                console.print("The whole project has been built before: nothing to do.", highlight=False)
                return
        except LandingError as error:
            raise fail(error) from None
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
def freshness(
    source: Annotated[list[str] | None, typer.Argument(help="sources to look at; default all")] = None,
    now: Annotated[
        datetime | None, typer.Option(parser=lambda text: _instant(text), metavar="ISO-8601", help="default: now")
    ] = None,
    outcome: Annotated[Path | None, typer.Option(metavar="FILE", help="also write the verdicts, as JSON")] = None,
) -> None:
    """Says which tables have not landed for too long; exit code 1 when one is stale or never came."""
    from publishing.freshness import check

    try:
        with recorded("freshness", " ".join(source or ["all"]), warn) as record:
            record.dbt_version = dbt_version()
            checked = check(source or [], now, console, outcome)
            record.late_tables, record.stale_tables = len(checked.late), len(checked.failing)
            if checked.failing:
                record.fail("FRESHNESS_STALE", f"stale or missing: {', '.join(checked.failing)}; land them")
            elif checked.late:
                record.code, record.message = "FRESHNESS_LATE", f"late: {', '.join(checked.late)}"
    except LandingError as error:
        raise fail(error) from None
    if checked.failing:
        raise typer.Exit(1)


@app.command()
def docs(
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write it; default docs/site.")] = None,
    without_warehouse: Annotated[
        bool,
        typer.Option("--without-warehouse", help="From the project alone: without compiled SQL, lineage or raw types."),
    ] = False,
) -> None:
    """Writes the documentation as static pages: catalogue, data dictionary, glossary, decisions, runbooks."""
    from publishing.site.pages import SITE, write

    try:
        page = write((out or SITE).absolute(), not without_warehouse)
    except LandingError as error:
        raise fail(error) from None
    console.print(f"The documentation begins at {page}", highlight=False)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant like 2021-04-06T15:00:00Z") from None
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset from UTC: write {text}Z if it is UTC")
    return instant


def _publish(is_forced: bool = False) -> None:
    try:
        settings = read(WarehouseSettings)
        name = published_path(settings.warehouse_path).name if settings.warehouse == "duckdb" else PUBLISHED
        with recorded("publication", name, warn) as record:
            publication = publish(is_forced)
            if publication is None:
                record.status = "unchanged"
            else:
                record.row_count = sum(publication.tables.values())
    except LandingError as error:
        raise fail(error) from None
    if publication is None:
        console.print("Nothing new to publish: readers have the newest build that passed.", highlight=False)
        return
    tables = [name for name in publication.tables if name.startswith("marts.")]
    console.print(
        f"Published {len(tables)} marts and {len(publication.tables) - len(tables)} ledgers to {publication.where}",
        highlight=False,
    )


if __name__ == "__main__":
    app()
