"""What is new of the sensors: node lists, files of readings, the BigQuery table."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ingestion.settings import read as read_settings
from ingestion.source import Batch, Problem, Run, Unchanged
from ingestion.sources.abbanoa.nodes import read_nodes
from ingestion.sources.abbanoa.readings import read_readings
from ingestion.sources.abbanoa.settings import AbbanoaSettings

log = logging.getLogger(__name__)


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new in each of the places that are set; one missing or bad thing never stops the others."""
    settings = read_settings(AbbanoaSettings)
    if settings.nodes:
        yield from read_nodes(run, settings, settings.nodes)
    else:
        log.info("ABBANOA_NODES is not set: no node lists are read")
    if settings.readings:
        yield from read_readings(run, settings, settings.readings)
    if settings.abbanoa_bigquery_table:
        # Its clients are an optional extra.
        from ingestion.sources.abbanoa.bigquery import read_table

        yield from read_table(run, settings)
