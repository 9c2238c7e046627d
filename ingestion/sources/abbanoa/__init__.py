"""Sensor readings of a water network: exports of the sensor table, logger files, a BigQuery table, and node lists."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.source import Batch, Param, Problem, Run, Source, Table, Unchanged


def _read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    # Imported when running: the declaration itself must stay free of DuckDB and pyarrow.
    from ingestion.sources.abbanoa.read import read

    return read(run)


SOURCE = Source(
    name="abbanoa",
    title="Water network sensors",
    tables=(
        Table(
            name="sensor_readings",
            # total_flow and quality_score are what some exports call volume and data_quality_score.
            columns=(
                "timestamp", "node_id", "district_id", "district_name", "node_name", "node_type", "flow_rate",
                "pressure", "temperature", "volume", "total_flow", "pressure_1", "pressure_2", "data_quality_score",
                "quality_score", "is_interpolated", "source_file", "ingestion_timestamp",
            ),
            key=("timestamp", "node_id"),
        ),
        Table(
            name="sensor_logs",
            columns=("node_id", "day", "time", "channel", "unit", "value"),
            key=("day", "time", "channel", "value"),
        ),
        Table(
            name="sensor_nodes",
            columns=(
                "node_id", "node_name", "node_type", "district_id", "district_name", "location_name", "latitude",
                "longitude", "installation_date", "last_maintenance_date", "is_active", "expected_interval_minutes",
                "channel_prefix", "metadata",
            ),
            key=("node_id",),
        ),
    ),
    cadence="half-hourly",
    licence="the utility's own data; nothing is published by this source",
    settings=("ABBANOA_READINGS", "ABBANOA_NODES", "ABBANOA_BIGQUERY_TABLE"),
    read=_read,
    timezone="Europe/Rome",
    params=(
        Param("accept_shrink", "take a node list that lost most of its nodes", is_switch=True),
        Param("full", "look into what seems unchanged too", is_switch=True),
    ),
    quirks=(
        "volume and total_flow are a cumulative totaliser in m3: differences count, sums are wrong.",
        "A logger file is told by its headings, never by its name; the name of a data log gives its node only.",
        "Logger files become one row per cell, blank ones too; _source_row counts from left to right, then down.",
        "Logger stamps are naive local time; of the hour that comes twice, the first in the file is summer time.",
        "Of an export's stamps, those without offset are local time, the others UTC.",
        "Files are UTF-8, or say by a byte-order mark what they are, or are in the declared ABBANOA_ENCODING.",
        "Each node list is a full snapshot; one that says what the last one said is not landed again.",
        "Parquet and BigQuery values are typed: raw has their text (UTC stamps end in +00, doubles by fewest digits).",
    ),
)  # fmt: skip
