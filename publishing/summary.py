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

# The one quantity by which a mart is known, if it has one; the first that it carries.
HEADLINES = ("consumption_kwh", "amount_due_cad")
UNITS = {"kwh": "kWh", "cad": "CAD", "m3": "m³"}
# What a mart's rows are spread over, if anything.
SPANS = ("local_date", "month", "service_from_date", "valid_from")


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
            select source, max(started_at) as last_start from {copy.table("ledger.load_history")} group by source
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
    """One line per mart: rows, the days or months they are spread over, and the quantity the mart is known by."""
    table = _table("mart", ">rows", "from", "to", ">total", "")
    for mart in copy.relations("marts"):
        has = columns[mart]
        span = next((column for column in SPANS if column in has), None)
        headline = next((column for column in HEADLINES if column in has), None)
        wanted = ["count(*)"]
        wanted += [f"min({span})", f"max({span})"] if span else ["null", "null"]
        wanted += [f"sum({headline})"] if headline else ["null"]
        ((rows, first, last, total),) = copy.rows(f"select {', '.join(wanted)} from {copy.table(f'marts.{mart}')}")
        unit = UNITS[headline.rsplit("_", 1)[1]] if headline else ""
        table.add_row(mart, f"{rows:,}", _day(first), _day(last), _quantity(total), unit)
    return table


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
        names = [{"rows": "row", "CAD": "dollar"}.get(name, name) for (name,) in measures]
        counted = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
        yield fine, f"every {counted} accounted for: {hops} balances from the files to the marts, nothing unexplained"
    for source, kwh in copy.rows(
        f"""
        select source, max(unmapped) from {conservation}
        where measure = 'kWh' group by source having max(unmapped) > 0 order by source
        """
    ):
        yield look, f"{_quantity(kwh)} kWh have no agreement ({source}): they are in every total, under 'unmapped'"
    for source, hop, rows, superseded, rejected in copy.rows(
        f"""
        select source, hop, amount_in, superseded, rejected from {conservation}
        where measure = 'rows' and (superseded > 0 or rejected > 0) order by source, hop
        """
    ):
        parts = [f"{superseded:,.0f} superseded"] if superseded else []
        parts += [f"{rejected:,.0f} rejected"] if rejected else []
        yield look, f"{source}, {hop}: of {rows:,.0f} rows {' and '.join(parts)}"
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
        yield look, f"{total:,} values could not be parsed, most in {source}.{table}.{column} ({count:,})"
    else:
        yield fine, "every value could be parsed"
    drifted = copy.rows(
        "select source, table_name, column_name, kind "
        f"from {copy.table('ledger.schema_drift')} where is_current order by 1, 2, 3"
    )
    for source, table, column, kind in drifted[:3]:
        yield look, f"{source}.{table}: column {column} is {kind}"
    if len(drifted) > 3:
        yield look, f"and {len(drifted) - 3} more columns in {copy.table('ledger.schema_drift')}"
    if not drifted:
        yield fine, "every column is as declared"
    problems = copy.rows(f"select count(*) from {copy.table('ledger.landing_problems')}")[0][0]
    if problems:
        yield look, f"{problems:,} problems while landing: select * from {copy.table('ledger.landing_problems')}"


def _next_steps(copy: Copy) -> Iterator[tuple[str, str]]:
    yield "make docs", "the catalogue: every model, column, unit and test on one page"
    largest = copy.table("marts.daily_product_consumption")
    query = f"select local_date, product_display_name, consumption_kwh from {largest} order by 3 desc limit 5"
    yield (
        f'python -m publishing ask "{query}"',
        "any SQL on the published copy"
        + (", which any DuckDB client can open as well; no build ever locks it" if copy.engine == "duckdb" else ""),
    )
    yield "dbt build --vars '{reference_date: 2021-01-01}'", "the same marts as of another day"
    yield "python -m ingestion status", "the last landings of each source"
