"""The last runs of each source, read from the warehouse's own ledger."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ingestion.settings import read
from ingestion.warehouse import RAW, WarehouseSettings, exists, open_warehouse


def show(last: int) -> None:
    """Prints the last runs of each source, newest first. A run without an end is abandoned once a later one started."""
    console = Console()
    if not console.is_terminal:
        console.width = 160  # a log or a pipe: nothing is cut
    settings = read(WarehouseSettings)
    if not exists(settings):
        console.print("Nothing has been landed yet: run `python -m ingestion land all`.")
        return
    warehouse = open_warehouse(settings)
    try:
        runs = warehouse.rows(QUERY.format(last=last))
    except Exception as error:
        if not warehouse.undefined(error):
            raise
        runs = []
    finally:
        warehouse.close()
    if not runs:
        console.print("Nothing has been landed yet: run `python -m ingestion land all`.")
        return
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("source", "started", "status", "files", "unchanged", "rejected", "rows", "problems", "message"):
        table.add_column(
            name, justify="right" if name in ("files", "unchanged", "rejected", "rows", "problems") else "left"
        )
    for row in runs:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)


QUERY = f"""
with starts as (
    select
        run_id,
        source,
        "at",
        row_number() over (partition by source order by "at" desc) as newness
    from {RAW}.landing_runs
    where event = 'started'
),

ends as (
    select run_id, status, files_landed, files_unchanged, files_rejected, rows_landed, code, message
    from {RAW}.landing_runs
    where event = 'finished'
),

problems as (
    select run_id, count(*) as problem_count
    from {RAW}.landing_problems
    group by run_id
)

select
    starts.source,
    substr(starts."at", 1, 19),
    coalesce(ends.status, case when starts.newness = 1 then 'not finished' else 'abandoned' end),
    ends.files_landed,
    ends.files_unchanged,
    ends.files_rejected,
    ends.rows_landed,
    coalesce(problems.problem_count, 0),
    case when ends.code is not null then ends.code || ': ' || ends.message end
from starts
left join ends on ends.run_id = starts.run_id
left join problems on problems.run_id = starts.run_id
where starts.newness <= {{last}}
order by starts.source, starts."at" desc
"""
