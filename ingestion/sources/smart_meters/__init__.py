"""Half-hourly smart-meter readings (JSON files) and the agreements they are billed under (a SQLite file)."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.source import Batch, Param, Problem, Run, Source, Table, Unchanged


def _read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    # Imported when running: the declaration itself must stay free of DuckDB and pyarrow.
    from ingestion.sources.smart_meters.read import read

    return read(run)


SOURCE = Source(
    name="smart_meters",
    title="Smart-meter readings and agreements",
    tables=(
        Table(
            name="meter_readings",
            # interval_end and consumption come with the Octopus results shape only, consumption_delta with the others.
            columns=("meterpoint_id", "interval_start", "consumption_delta", "interval_end", "consumption"),
            key=("meterpoint_id", "interval_start"),
        ),
        Table(
            name="agreements",
            columns=(
                "agreement_id", "agreement_valid_from", "agreement_valid_to", "product_id", "meterpoint_id",
                "account_id",
            ),
            key=("agreement_id",),
            personal=("account_id",),
        ),
        Table(
            name="products",
            columns=("display_name", "is_variable", "id", "product_id"),
            key=("product_id",),
        ),
        Table(name="meterpoints", columns=("region", "meterpoint_id"), key=("meterpoint_id",)),
    ),
    cadence="daily",
    licence="the utility's own data; nothing is published by this source",
    settings=("SMART_METERS_READINGS", "SMART_METERS_DATABASE"),
    read=_read,
    timezone="Europe/London",
    params=(
        Param("accept_shrink", "take a table that came empty", is_switch=True),
        Param("full", "look into what seems unchanged too", is_switch=True),
    ),
    quirks=(
        "Columns of the columns/data shape are mapped by name: their order differs between deliveries.",
        "A file without a meterpoint_id column is about the meter point that its file name gives.",
        "interval_start has no zone; staging reads it as UTC unless told otherwise.",
        "Each SQLite file is a full snapshot; its tables have no keys, and products join on product_id, not on id.",
    ),
)  # fmt: skip
