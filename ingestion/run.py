"""One landing of one source, as its reader sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from ingestion.crash import crash_point
from ingestion.lake import Lake
from ingestion.report import Report
from ingestion.source import LakeEntry, Source, StoredFile
from ingestion.warehouse import RAW, Warehouse, literal


@dataclass(frozen=True)
class Options:
    """What the caller asked for. Dates are the source's own, both inclusive; `wait` is seconds for the lock;
    `logical_at` is the instant the run is for."""

    since: date | None = None
    until: date | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0
    logical_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked: str | None = None
    """What a longer undertaking calls this landing, for the ledger: so that it finds out how far it came."""


class SourceRun:
    """What a source's reader may use: the `Run` of `source.py`."""

    def __init__(
        self, source: Source, options: Options, warehouse: Warehouse, lake: Lake, scratch: Path, report: Report
    ) -> None:
        self._source, self._warehouse, self._lake, self._report = source, warehouse, lake, report
        self.since, self.until = options.since, options.until
        self.params, self.logical_at = options.params, options.logical_at
        self.scratch = scratch
        self.scratch.mkdir()

    def store(
        self,
        table: str,
        name: str,
        content: bytes | Path,
        sha256: str | None = None,
        *,
        label: str = "",
        day: date | None = None,
    ) -> StoredFile:
        dated = day or self.logical_at.date()
        stored = self._lake.put(self._source.name, table, name, content, sha256, day=dated, label=label)
        crash_point("extract.page")
        return stored

    def stored(self, table: str, since: date | None = None, until: date | None = None) -> list[LakeEntry]:
        return self._lake.entries(self._source.name, table, since, until)

    def open(self, entry: LakeEntry) -> StoredFile:
        return self._lake.open(entry)

    def landed(self, table: str) -> frozenset[str]:
        rows = self._warehouse.rows(
            f"select sha256 from {RAW}.landed_files "
            f"where source = {literal(self._source.name)} and table_name = {literal(table)}"
        )
        return frozenset(row[0] for row in rows)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        warehouse = self._warehouse
        try:
            return warehouse.rows(sql)
        except Exception as error:
            if warehouse.undefined(error):
                return []
            raise

    def progress(self, done: int, total: int | None, what: str) -> None:
        self._report.progress(self._source.name, done, total, what)
