"""The closing summary: what landed, what the marts hold, what the ledgers found, and where to look next.

It reads the published copy only, so it says what readers see.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from publishing.copy import Copy, open_copy

# Units as people write them.
UNITS = {"m3": "m³"}
# What one of them is called in a sentence.
WORDS = {"rows": "row", "values": "value", "CAD": "dollar"}
# What a mart's rows are spread over, where it has several days to choose from.
SPANS = ("local_date", "gas_day", "month", "valid_from")
MOST = 6
"""How many lines a kind of finding may take; the ledger has the rest."""


def show(console: Console) -> None:
    """Prints the summary of the last published copy; raises NotPublished when there is none."""
    with open_copy() as copy:
        columns = copy.columns()
        ((built_at,),) = copy.rows(f"select built_at from {copy.publication}")
        console.print()
        console.print(f"[bold]Meterhouse[/bold] {'─' * 69}", highlight=False)
        console.print(f"Built {built_at:%Y-%m-%d %H:%M:%S} UTC, published to {copy.where}\n", highlight=False)
        _section(console, "What landed", _landed(copy))
        _section(console, "What you can ask", _marts(copy, columns))
        console.print("[bold]What the ledgers found[/bold]")
        for mark, finding in _findings(copy):
            console.print(f"  {mark} {finding}", highlight=False)
        console.print(
            "\n[bold]Where to look next[/bold], with the environment active: . .venv/bin/activate", highlight=False
        )
        for command, purpose in _next_steps(copy):
            console.print(f"  [cyan]{command}[/cyan]", highlight=False, soft_wrap=True)
            console.print(f"      {purpose}", highlight=False)


def _section(console: Console, title: str, table: Table) -> None:
    console.print(f"[bold]{title}[/bold]")
    console.print(Padding(table, (0, 0, 1, 2), expand=False))


def _table(*columns: str) -> Table:
    """Aligned columns and no lines; a name that starts with > is for numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    return table


def _landed(copy: Copy) -> Table:
    """One line per source: what all its landings brought, and how the last one ended."""
    table = _table("source", ">landings", ">files", ">rows", ">MB", "last (UTC)", "")
    for source, runs, files, rows, size, at, status in copy.rows(
        f"""
        select
            history.source, count(*), sum(files_landed), sum(rows_landed), sum(bytes_landed), max(started_at),
            max(case when started_at = last_start then status end)
        from {copy.table("ledger.load_history")} as history
        inner join (
            select source, max(started_at) as last_start from {copy.table("ledger.load_history")}
            where source is not null group by source
        ) as latest on history.source = latest.source
        group by history.source
        order by history.source
        """
    ):
        megabytes = Decimal(size or 0) / 10**6
        counts = (f"{runs:,}", f"{files or 0:,}", f"{rows or 0:,}", f"{megabytes:,.1f}")
        table.add_row(source, *counts, f"{at:%Y-%m-%d %H:%M}", status)
    return table


def _marts(copy: Copy, columns: dict[str, list[str]]) -> Table:
    """One line per mart: rows, the days they are spread over, and the quantity of it that the ledger balances."""
    table = _table("mart", ">rows", "from", "to", ">total", "")
    totals = _totals(copy)
    types = copy.types()
    for mart in copy.relations("marts"):
        span = _span(columns[mart], types[mart])
        wanted = ["count(*)", *([f"min({span})", f"max({span})"] if span else ["null", "null"])]
        ((rows, first, last),) = copy.rows(f"select {', '.join(wanted)} from {copy.table(f'marts.{mart}')}")
        total, unit = totals.get(mart, (None, ""))
        table.add_row(mart, f"{rows:,}", _day(first), _day(last), _quantity(total), UNITS.get(unit, unit))
    return table


def _totals(copy: Copy) -> dict[str, tuple[Decimal, str]]:
    """What the conservation ledger found in a mart, mapped or not, with its unit: a total that is proven."""
    found: dict[str, tuple[Decimal, str]] = {}
    for hop, measure, total in copy.rows(
        f"select hop, measure, kept + unmapped from {copy.table('ledger.conservation')} "
        "where measure not in ('rows', 'values') order by hop, measure"
    ):
        # A mart of several windows is balanced for each: '... to computed_metrics 1day'.
        mart = str(hop).rsplit(" to ", 1)[-1].split()[0]
        found.setdefault(mart, (total, measure))
    return found


def _span(columns: list[str], types: dict[str, str]) -> str | None:
    """The column that dates a mart's rows: a day if there is one, else an instant; None where neither is."""
    days = [column for column in columns if types[column] == "date"]
    instants = [column for column in columns if types[column].startswith("timestamp") and not column.startswith("_")]
    dated = [*days, *instants]
    return next((name for name in SPANS if name in dated), next(iter(dated), None))


def _day(value: Any) -> str:
    return "" if value is None else f"{value:%Y-%m-%d}"


def _quantity(value: Any) -> str:
    return "" if value is None else f"{Decimal(value):,.2f}"


def _findings(copy: Copy) -> Iterator[tuple[str, str]]:
    """(mark, sentence) of each thing the ledgers have to say; a tick where that is nothing."""
    fine, look = "[green]✓[/green]", "[yellow]![/yellow]"
    conservation = copy.table("ledger.conservation")
    hops, faults = copy.rows(f"select count(*), count(*) filter (where unexplained <> 0) from {conservation}")[0]
    if faults:
        yield "[red]✗[/red]", f"{faults} of {hops} balances do not add up: select * from {conservation}"
    else:
        measures = copy.rows(f"select distinct measure from {conservation} order by measure desc")
        names = [WORDS.get(name, UNITS.get(name, name)) for (name,) in measures]
        counted = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
        yield fine, f"every {counted} accounted for: {hops} balances, nothing unexplained"
    unmapped = copy.rows(
        f"""
        select source, measure, hop, unmapped from {conservation}
        where measure not in ('rows', 'values') and unmapped > 0 order by source, measure, unmapped desc, hop
        """
    )
    for source, measure in dict.fromkeys((source, measure) for source, measure, *_ in unmapped):
        # Of a quantity that several marts hold, where most of it is unmapped.
        hop, amount = next((hop, amount) for one, unit, hop, amount in unmapped if (one, unit) == (source, measure))
        yield look, f"{hop}: {_quantity(amount)} {UNITS.get(measure, measure)} unmapped, and in the total"
    losses = copy.rows(
        f"""
        select hop, amount_in, superseded, rejected from {conservation}
        where measure = 'rows' and (superseded > 0 or rejected > 0) order by rejected desc, superseded desc, hop
        """
    )
    for hop, rows, superseded, rejected in losses[:MOST]:
        parts = [f"{superseded:,.0f} superseded"] if superseded else []
        parts += [f"{rejected:,.0f} rejected"] if rejected else []
        yield look, f"{hop}: of {rows:,.0f} rows {' and '.join(parts)}"
    if len(losses) > MOST:
        yield look, f"and {len(losses) - MOST} more with superseded or rejected rows in {conservation}"
    gaps, missing, meters = copy.rows(
        "select count(*), coalesce(sum(missing_interval_count), 0), count(distinct meterpoint_id) "
        f"from {copy.table('ledger.interval_gaps')}"
    )[0]
    yield (look, f"{gaps:,} gaps at {meters:,} meter points: {missing:,} half-hours missing") if gaps else (
        fine, "no half-hour is missing at any meter point"
    )  # fmt: skip
    failures = copy.rows(
        f"select source, table_name, column_name, count(*) from {copy.table('ledger.parse_failures')} "
        "group by source, table_name, column_name order by 4 desc, 1, 2, 3"
    )
    if failures:
        source, table, column, count = failures[0]
        total = sum(row[3] for row in failures)
        values = "1 value" if total == 1 else f"{total:,} values"
        yield look, f"{values} could not be parsed, most in {source}.{table}.{column} ({count:,})"
    else:
        yield fine, "every value could be parsed"
    drifted = copy.rows(
        "select source, table_name, kind, count(*), min(column_name) "
        f"from {copy.table('ledger.schema_drift')} where is_current group by 1, 2, 3 order by 4 desc, 1, 2, 3"
    )
    for source, table, kind, count, example in drifted[:MOST]:
        columns = f"column {example} is" if count == 1 else f"{count} columns are"
        yield look, f"{source}.{table}: {columns} {kind}{'' if count == 1 else f', such as {example}'}"
    if len(drifted) > MOST:
        yield look, f"and {len(drifted) - MOST} more tables in {copy.table('ledger.schema_drift')}"
    if not drifted:
        yield fine, "every column is as declared"
    yield from _anomalies(copy)
    yield from _ages(copy)
    problems = copy.rows(f"select count(*) from {copy.table('ledger.landing_problems')}")[0][0]
    if problems:
        yield look, f"{problems:,} problems while landing: select * from {copy.table('ledger.landing_problems')}"


def _anomalies(copy: Copy) -> Iterator[tuple[str, str]]:
    """One line per mart of anomalies, whatever it is called: those that have a type and a severity."""
    for mart, columns in sorted(copy.columns().items()):
        if not {"anomaly_type", "severity"} <= set(columns):
            continue
        found = copy.rows(
            f"select anomaly_type, count(*) from {copy.table(f'marts.{mart}')} group by anomaly_type order by 2 desc, 1"
        )
        kinds = ", ".join(f"{count:,} {str(kind).replace('_', ' ')}" for kind, count in found[:4])
        if len(found) > 4:
            kinds += f" and {sum(count for _, count in found[4:]):,} of other kinds"
        if found:
            yield "[yellow]![/yellow]", f"{sum(count for _, count in found):,} {mart}: {kinds}"
        else:
            yield "[green]✓[/green]", f"no {mart}"


def _ages(copy: Copy) -> Iterator[tuple[str, str]]:
    """What was late, stale or missing when this was built."""
    late = copy.rows(
        f"select source, table_name, status, last_landed_at from {copy.table('ledger.source_freshness')} "
        "where status in ('late', 'stale', 'never landed') order by 1, 2"
    )
    for source, table, status, landed_at in late[:MOST]:
        since = f", landed {landed_at:%Y-%m-%d %H:%M} UTC" if landed_at else ""
        yield "[yellow]![/yellow]", f"{source}.{table} was {status.replace('never', 'not')} when this was built{since}"
    if len(late) > MOST:
        yield "[yellow]![/yellow]", f"and {len(late) - MOST} more in {copy.table('ledger.source_freshness')}"
    if not late:
        yield "[green]✓[/green]", "every source in use was fresh when this was built"


def _next_steps(copy: Copy) -> Iterator[tuple[str, str]]:
    yield "make docs", "docs/site: every model and column with its unit, tests and origin"
    largest = copy.table("marts.daily_product_consumption")
    query = f"select local_date, product_display_name, consumption_kwh from {largest} order by 3 desc limit 5"
    yield (
        f'python -m publishing ask "{query}"',
        "any SQL on the published copy"
        + ("; any DuckDB client can open it too, and no build locks it" if copy.engine == "duckdb" else ""),
    )
    yield "dbt build --vars '{reference_date: 2021-01-01}'", "the same marts as of another day"
    yield "python -m ingestion status", "the last landings of each source"
