"""Operationally available capacity of Energy Transfer's gas pipelines: one CSV for each asset, gas day and cycle."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.source import Batch, Param, Problem, Run, Source, Table, Unchanged


def _read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    # Imported when running: the declaration itself must stay free of requests and pyarrow.
    from ingestion.sources.energy_transfer.read import read

    return read(run)


SOURCE = Source(
    name="energy_transfer",
    title="Gas pipeline capacity by nomination cycle",
    tables=(
        Table(
            name="operational_capacity",
            columns=(
                "loc", "loc_zn", "loc_name", "loc_purp_desc", "loc_qti", "flow_ind", "dc", "opc", "tsq", "oac", "it",
                "auth_overrun_ind", "nom_cap_exceed_ind", "all_qty_avail", "qty_reason",
                # What the file does not say: what was asked for, under which name it came, and when.
                "asset", "gas_day", "cycle", "search_type", "file_name", "downloaded_at",
            ),
            key=("asset", "gas_day", "cycle", "loc", "flow_ind"),
        ),
    ),
    cadence="nomination cycles",
    licence="postings required by 18 CFR 284.13; the site's terms of use apply",
    settings=("ENERGY_TRANSFER_ASSETS", "ENERGY_TRANSFER_CONFIG", "ENERGY_TRANSFER_URL"),
    read=_read,
    # Ten minutes after each cycle of the NAESB timetable is due (timetable.py).
    schedule=("10 9,13,17,21,22 * * *", "40 17 * * *"),
    timezone="America/Chicago",
    params=(
        Param("asset", "short names, such as TW,FEP"),
        Param("cycle", "ids or names, such as 1,Final"),
    ),
    quirks=(
        "Gas day and cycle are not in the file: they come from the request, held against the answer's file name.",
        "A location may have a receipt and a delivery row: (asset, gas day, cycle, loc, flow_ind) is the key.",
        "Cycle ids in the order of the day are 0, 1, 3, 4, 7, 5 (Timely to Final); 2 and 6 are unassigned.",
        "A file with a header and no row is a cycle that is not posted yet. A cycle can be posted again, changed.",
        "The order of columns differs between assets: columns are taken by name.",
        "Operating capacity above design, and scheduled above operating, are normal; OAC is max(0, OPC - TSQ).",
    ),
)  # fmt: skip
