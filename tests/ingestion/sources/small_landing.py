"""A landing without dlt, for the readers' tests: runs what a source yields against a throw-away DuckDB, at once.

It counts as the real one does: rows 1 to n of each file, once each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.lake import Lake
from ingestion.source import Batch, LakeEntry, Problem, Source, SourceError, StoredFile, Unchanged

FILES = (
    "source",
    "table_name",
    "uri",
    "source_file",
    "lake_key",
    "sha256",
    "bytes",
    "rows",
    "columns",
    "read_kind",
    "version",
    "delivered_at",
    "first_at",
    "last_at",
)


class SmallLanding:
    """Is the `Run` that readers get, and keeps what they gave."""

    since: date | None = None
    until: date | None = None
    logical_at = datetime(2021, 4, 6, 15, 30, tzinfo=UTC)

    def __init__(self, folder: Path, source: Source) -> None:
        self.source, self.params = source, dict[str, str]()
        self.folder = folder / "lake"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.lake = Lake(str(self.folder), self.scratch)
        self.warehouse = duckdb.connect()
        self.warehouse.execute("create schema raw")
        # As the real landing does: everything declared is there before anything is read.
        for table in source.tables:
            self._make(table.name, [*table.columns, "_source_file", "_dlt_load_id"])
        self._make("landed_files", [*FILES, "_dlt_load_id"])
        self.loads = 0
        self.batches: list[Batch] = []
        self.problems: list[Problem] = []
        self.unchanged: list[Unchanged] = []

    # What readers ask for

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
        return self.lake.put(
            self.source.name, table, name, content, sha256, day=day or self.logical_at.date(), label=label
        )

    def stored(self, table: str, since: date | None = None, until: date | None = None) -> list[LakeEntry]:
        return self.lake.entries(self.source.name, table, since, until)

    def open(self, entry: LakeEntry) -> StoredFile:
        return self.lake.open(entry)

    def landed(self, table: str) -> frozenset[str]:
        rows = self.query(f"select sha256 from raw.landed_files where table_name = '{table}'")
        return frozenset(str(row[0]) for row in rows)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self.warehouse.execute(sql).fetchall()
        except duckdb.CatalogException:
            return []

    def progress(self, done: int, total: int | None, what: str) -> None:
        assert done >= 0 and what

    # What tests do

    def land(self, params: Mapping[str, str] | None = None) -> int:
        """One landing; returns the rows that are new. A SourceError passes, with nothing landed."""
        self.params = dict(params or {})
        self.batches, self.problems, self.unchanged = [], [], []
        for item in self.source.read(self):
            kept: list[Any] = (
                self.batches
                if isinstance(item, Batch)
                else self.problems
                if isinstance(item, Problem)
                else self.unchanged
            )
            kept.append(item)
        self.loads += 1
        for batch in self.batches:
            self._load(batch)
        return sum(file.rows for batch in self.batches for file in batch.files)

    def refusal(self, params: Mapping[str, str] | None = None) -> SourceError:
        """The error that ends a landing which must fail, after which nothing has landed."""
        before = self.count_all()
        try:
            self.land(params)
        except SourceError as error:
            assert self.count_all() == before
            return error
        raise AssertionError("the source was read")

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows in the order they lie in their files."""
        names = ", ".join(f'"{column}"' for column in columns)
        return self.query(f"select {names} from raw.{table} order by _dlt_load_id, _source_file, _source_row")

    def lake_file(self, source_file: str) -> Path:
        """Where the lake keeps the file that a row names."""
        (key,) = {row[0] for row in self.query(
            f"select lake_key from raw.landed_files where source_file = '{source_file}'"
        )}  # fmt: skip
        return self.folder / str(key)

    def count(self, table: str) -> int:
        return int(self.query(f"select count(*) from raw.{table}")[0][0])

    def count_all(self) -> int:
        return sum(self.count(table.name) for table in self.source.tables)

    def codes(self) -> list[str]:
        return [problem.code for problem in self.problems]

    def _columns(self, table: str) -> set[str]:
        return {
            row[0]
            for row in self.warehouse.execute(
                "select column_name from duckdb_columns() where schema_name = 'raw' and table_name = ?", [table]
            ).fetchall()
        }

    def _load(self, batch: Batch) -> None:
        assert set(self.source.table(batch.table).key) <= set(batch.columns)
        load = f"{self.loads:04d}"
        found = self.warehouse.execute(
            f"describe {batch.query}"  # exactly the columns, as text, then the lineage
        ).fetchall()
        assert [(row[0], row[1]) for row in found] == [
            *((column, "VARCHAR") for column in batch.columns), ("_source_file", "VARCHAR"), ("_source_row", "BIGINT"),
        ]  # fmt: skip
        self._make(batch.table, list(batch.columns))
        items = ", ".join(f'"{column}"' for column in (*batch.columns, "_source_file", "_source_row"))
        self.warehouse.execute(
            f"insert into raw.{batch.table} ({items}, _dlt_load_id) select {items}, '{load}' from ({batch.query})"
        )
        counted = {
            row[0]: row[1:]
            for row in self.warehouse.execute(
                "select _source_file, count(*), count(distinct _source_row), min(_source_row), max(_source_row) "
                f"from raw.{batch.table} where _dlt_load_id = '{load}' group by 1"
            ).fetchall()
        }
        for file in batch.files:
            if file.rows:
                assert counted[file.source_file] == (file.rows, file.rows, 1, file.rows), file.uri
            assert (self.folder / file.key).stat().st_size == file.bytes
            values = (
                self.source.name, batch.table, file.uri, file.source_file, file.key, file.sha256, str(file.bytes),
                str(file.rows), json.dumps(file.columns), file.read_kind, file.version, file.delivered_at,
                file.first_at, file.last_at, load,
            )  # fmt: skip
            self.warehouse.execute(f"insert into raw.landed_files values ({', '.join('?' * len(values))})", values)

    def _make(self, table: str, columns: list[str]) -> None:
        if not self._columns(table):
            texts = ", ".join(f'"{column}" varchar' for column in dict.fromkeys(columns))
            more = "" if table == "landed_files" else ", _source_row bigint"
            self.warehouse.execute(f"create table raw.{table} ({texts}{more})")
        for column in set(columns) - self._columns(table):
            self.warehouse.execute(f'alter table raw.{table} add column "{column}" varchar')
