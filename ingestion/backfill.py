"""A long stretch of a source's past, in batches of days: each a landing of its own, by the same door.

What is done is in the ledger (`raw.landing_runs.asked`), so a backfill that was stopped goes on where it stopped when
it is asked for again. One that came to its end starts anew: what was landed before is then unchanged, not landed twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion import registry
from ingestion.arguments import pairs, stretch
from ingestion.errors import EXIT_FAILED, ConfigurationError
from ingestion.settings import LandingSettings, read
from ingestion.source import Source
from ingestion.warehouse import RAW, WarehouseSettings, columns, exists, literal, open_warehouse

if TYPE_CHECKING:
    from ingestion.report import Outcome, Report
    from ingestion.run import Options

DAYS = 7


def backfill(source: Source, options: Options, batch_days: int, report: Report) -> Iterator[Outcome]:
    """Lands the days from `options.since` to `options.until` (both in) in batches; one outcome per batch that is run.

    A batch with problems does not stop the next, and is run again next time. Raises what `land` raises.
    """
    from ingestion.landing import land

    assert options.since and options.until
    wanted = json.dumps([str(options.since), str(options.until), batch_days, sorted(options.params.items())])
    # Parameters are the caller's own words: the ledger has their hash only.
    name = sha256(wanted.encode()).hexdigest()[:12]
    stretches = list(batches(options.since, options.until, batch_days))
    done = _done(source, name, len(stretches))
    if done:
        report.note(f"{source.name}: {len(done)} of {len(stretches)} batches were landed before: passed by")
    for number, (since, until) in enumerate(stretches, 1):
        asked = f"{since}/{until} {name}"
        if asked not in done:
            report.note(f"{source.name}: {since} to {until}, batch {number} of {len(stretches)}")
            (outcome,) = land([source], replace(options, since=since, until=until, asked=asked), report)
            yield replace(outcome, source=f"{source.name} {since}/{until}")


def batches(since: date, until: date, batch_days: int) -> Iterator[tuple[date, date]]:
    """The stretch in pieces of so many days, both ends in; the last may be shorter."""
    while since <= until:
        last = min(since + timedelta(days=batch_days - 1), until)
        yield since, last
        since = last + timedelta(days=1)


def _done(source: Source, name: str, batch_count: int) -> set[str]:
    """The batches that came through since the backfill last came to its end."""
    settings = read(WarehouseSettings)
    if not exists(settings):
        return set()
    warehouse = open_warehouse(settings)
    try:
        if "asked" not in columns(warehouse).get("landing_runs", ()):
            return set()
        rows = warehouse.rows(
            f"select asked from {RAW}.landing_runs where source = {literal(source.name)} and event = 'finished' "
            f"and status in ('ok', 'unchanged') and asked like {literal(f'% {name}')} order by \"at\""
        )
    finally:
        warehouse.close()
    done: set[str] = set()
    for (asked,) in rows:
        done.add(str(asked))
        if len(done) == batch_count:
            done.clear()
    return done


def command(
    source: Annotated[str, typer.Argument(help="a source's name")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="first day, in")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="last day, in")],
    batch_days: Annotated[int, typer.Option(min=1, metavar="N", help="days that are landed at once")] = DAYS,
    param: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="a source's own parameter")] = None,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="how long to wait for another run")] = 0,
    outcome: Annotated[Path | None, typer.Option(metavar="FILE", help="also write how it went, as JSON")] = None,
) -> None:
    """Land a stretch of the past in batches; stopped, it goes on where it stopped when asked for again."""
    from ingestion.report import Report, write_outcomes
    from ingestion.run import Options

    chosen = registry.find(source)
    if chosen.settings and not registry.configured(chosen):
        raise ConfigurationError("CONFIG_SOURCE", f"{source} is not configured: set {' or '.join(chosen.settings)}")
    at = (read(LandingSettings).meterhouse_logical_at or datetime.now(UTC)).astimezone(UTC)
    options = Options(*stretch(since, until), pairs(param or [], [chosen]), wait, at)
    report = Report()
    outcomes: list[Outcome] = []
    try:
        with report:
            outcomes.extend(backfill(chosen, options, batch_days, report))
    finally:
        report.summary(outcomes)
        if outcome:
            write_outcomes(outcome, outcomes)
    if any(one.problems for one in outcomes):
        raise typer.Exit(EXIT_FAILED)
