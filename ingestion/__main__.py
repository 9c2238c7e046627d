"""python -m ingestion land|backfill|list|status: what the wire has, into raw.

Exit codes: 0 everything landed (or nothing was new), 1 some source or file failed and the rest landed, 2 usage or
configuration, 75 another run holds the lock.
"""

from __future__ import annotations

import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ingestion import backfill, registry
from ingestion.arguments import instant, pairs, stretch
from ingestion.errors import EXIT_FAILED, ConfigurationError, LandingError
from ingestion.settings import LandingSettings, read
from ingestion.warehouse import brief

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
Instant = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar="ISO-8601", help="the instant it is for; default now"),
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


@app.command()
def land(
    source: Annotated[str, typer.Argument(help="a source's name, or 'all' for every source that is configured")],
    since: Day = None,
    until: Day = None,
    param: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="a source's own parameter")] = None,
    logical_at: Instant = None,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="how long to wait for another run")] = 0,
    outcome: Annotated[Path | None, typer.Option(metavar="FILE", help="also write how it went, as JSON")] = None,
) -> None:
    """Land what is new in a source (or in all of them) into raw."""
    from ingestion.landing import land as land_sources
    from ingestion.report import Report, write_outcomes
    from ingestion.run import Options

    report = Report()
    if source == "all":
        chosen = [found for found in registry.sources() if registry.configured(found)]
        for name in sorted(set(registry.names()) - {found.name for found in chosen}):
            report.note(f"{name} is not configured ({' and '.join(registry.find(name).settings)} are unset): passed by")
        if not chosen:
            raise ConfigurationError("CONFIG_SOURCE", "no source is configured; see .env.example for the settings")
    else:
        chosen = [registry.find(source)]
        if chosen[0].settings and not registry.configured(chosen[0]):
            raise ConfigurationError(
                "CONFIG_SOURCE", f"{source} is not configured: set {' and '.join(chosen[0].settings)}"
            )
    options = Options(
        *stretch(since, until),
        pairs(param or [], chosen),
        wait,
        (logical_at or read(LandingSettings).meterhouse_logical_at or datetime.now(UTC)).astimezone(UTC),
    )
    with report:
        outcomes = land_sources(chosen, options, report)
    report.summary(outcomes)
    if outcome:
        write_outcomes(outcome, outcomes)
    if any(one.problems for one in outcomes):
        raise typer.Exit(EXIT_FAILED)


app.command("backfill")(backfill.command)


@app.command("list")
def list_sources() -> None:
    """Show the sources, their tables, and whether they are configured."""
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("source", "cadence", "configured", "tables"):
        table.add_column(name, no_wrap=name in ("source", "tables"), overflow="fold")
    for source in registry.sources():
        configured = "yes" if registry.configured(source) else f"no: set {' and '.join(source.settings)}"
        table.add_row(source.name, source.cadence, configured, "\n".join(table.name for table in source.tables))
    Console().print(table)


@app.command()
def status(last: Annotated[int, typer.Option(min=1, help="how many runs of each source")] = 3) -> None:
    """Show the last runs of each source: rows, files and problems, as the warehouse remembers them."""
    from ingestion.status import show

    show(last)


def main() -> int:
    """Runs the command line; every expected failure is one line on standard error and an exit code."""
    try:
        level = read(LandingSettings).log_level
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop: as Ctrl-C, so that the run is closed
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Exception as error:
        logging.debug("unexpected", exc_info=True)
        advice = "set LOG_LEVEL=DEBUG for the traceback"
        print(f"INTERNAL_ERROR: {type(error).__name__}: {brief(error)} ({advice})", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
