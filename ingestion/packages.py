"""One dlt load package: queries in, completed rows in raw out, or nothing.

dlt keeps what it is good at: tables and columns are made and migrated by it, each package has its load id, and
`_dlt_loads` says which packages are complete. Rows never pass Python. Every load job is a small file holding one
DuckDB SELECT, which `destinations.py` runs as it is: `insert ... select` on DuckDB; on PostgreSQL DuckDB writes a CSV
and COPY reads it. (Of dlt's own jobs, `.model` rewrites the SQL through sqlglot and CSV turns empty text into null.)

dlt alone is not exactly-once: killed between a commit and its own marker, it loads a package twice. So its local state
is thrown away before every package, and `landing.py` sweeps rows without a completed load.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ingestion.counts import CountMismatch, wrong_files
from ingestion.crash import crash_point
from ingestion.errors import WarehouseError
from ingestion.source import Batch
from ingestion.warehouse import RAW, Warehouse, brief, duckdb_errors, literal, quoted

log = logging.getLogger(__name__)

FORMAT = "insert_values"
"""dlt's name for load files that hold SQL text. Imported files of this format pass dlt untouched."""


@dataclass(frozen=True)
class Part:
    """One load job: the rows one query gives for one table."""

    table: str
    columns: tuple[str, ...]
    """Names in raw, in the order of the query's items, `_dlt_load_id` excluded."""
    select: str
    rows: int = 0
    batch: Batch | None = None
    ordered: bool = True


class PartFailed(Exception):
    """The query of one part failed, or what it wrote was not what was read; nothing of the package is complete."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(reason)
        self.part, self.reason = part, reason


def configure_dlt(home: Path) -> None:
    """Settles dlt's settings for this process, before dlt is imported: nobody's global dlt configuration is read."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ.update(
        {
            "DLT_PROJECT_DIR": str(home),
            "DLT_DATA_DIR": str(home),
            "DLT_LOCAL_DIR": str(home),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            # Wherever Airflow is installed, dlt would import it to look for secrets: CPU seconds, a folder in the home.
            "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
            "RESTORE_FROM_DESTINATION": "false",
            "ENABLE_RUNTIME_TRACE": "false",
            "SCHEMA__NAMING": "snake_case",
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
            "NORMALIZE__WORKERS": "1",
            "LOAD__WORKERS": "1",
            "LOAD__DELETE_COMPLETED_JOBS": "true",
        }
    )
    # dlt logs an error with the statement and a traceback; what matters is told once, by us.
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")


def warehouse_id(warehouse: Warehouse) -> str:
    """A folder name for what belongs to one database and must not meet another's."""
    return sha256(warehouse.identity.encode()).hexdigest()[:12]


class Packages:
    """Loads packages into one warehouse. `home` keeps dlt's files, `scratch` those of this run."""

    def __init__(self, warehouse: Warehouse, home: Path, scratch: Path) -> None:
        self.warehouse, self.scratch = warehouse, scratch
        # A folder of its own per database: a package made for one can never be loaded into another.
        self.home = home / warehouse_id(warehouse)
        configure_dlt(self.home)
        self.parts: list[Part] = []
        self.failed: Exception | None = None
        self._before_completion: Callable[[str], None] = lambda load_id: None

    def load(
        self,
        schema: str,
        parts: Sequence[Part],
        columns: Mapping[str, Sequence[str]],
        before_completion: Callable[[str], None] = lambda load_id: None,
    ) -> str:
        """Loads the parts as one package and returns its load id.

        `columns` gives every column of every table to be made, those of the parts included. `before_completion` gets
        the load id when all rows are in and the package is about to be called complete; if it raises, it never is.
        Raises PartFailed, CountMismatch, WarehouseError, or what `before_completion` raised; rows may then be left for
        the sweep.
        """
        touched = {part.table for part in parts}
        self.parts = [*parts, *(_empty(table, names) for table, names in columns.items() if table not in touched)]
        self.failed, self._before_completion = None, before_completion
        self._discard()
        pipeline = _dlt().pipeline(
            "landing", pipelines_dir=str(self.home), destination=self._destination(), dataset_name=RAW, progress=None
        )
        try:
            pipeline.extract(self._source(schema, columns), loader_file_format=FORMAT)
            crash_point("extract.end")
            crash_point("normalize.start")
            pipeline.normalize()
            info = pipeline.load()
        except Exception as error:
            if self.failed:
                raise self.failed from None
            log.debug("package of %s failed", schema, exc_info=error)
            raise WarehouseError("WAREHOUSE_LOAD", f"{self.warehouse.identity}: {brief(_causes(error)[-1])}") from None
        finally:
            self._discard()
        (load_id,) = info.loads_ids
        return str(load_id)

    def _discard(self) -> None:
        """Throws away pipeline state and pending packages: a rerun must read anew, never load yesterday's package."""
        shutil.rmtree(self.home / "landing", ignore_errors=True)

    def _source(self, name: str, columns: Mapping[str, Sequence[str]]) -> Any:
        from dlt.extract import DltSource

        schema = _dlt().Schema(name)
        schema.remove_type_detection("iso_timestamp")
        return DltSource(schema, "landing", [self._resource(table, names) for table, names in columns.items()])

    def _resource(self, table: str, names: Sequence[str]) -> Any:
        dlt = _dlt()

        def files() -> Iterator[Any]:
            for number, part in enumerate(self.parts):
                if part.table == table:
                    path = self.scratch / f"{number}.sql"
                    path.write_text(f"{number}\n{part.select}", encoding="utf-8")
                    yield dlt.mark.with_file_import(str(path), FORMAT, items_count=part.rows)

        hints = {name: {"name": name, "data_type": "text", "nullable": True} for name in [*names, "_dlt_load_id"]}
        if "_source_row" in hints:
            hints["_source_row"]["data_type"] = "bigint"
        return dlt.resource(
            files,
            name=table,
            columns=hints,
            write_disposition="append",
            file_format=FORMAT,
            max_table_nesting=0,
        )

    def _destination(self) -> Any:
        from ingestion import destinations

        return destinations.destination(self)

    def run_job(self, path: str, load_id: str, table: str, execute: Callable[[Part, str], int]) -> None:
        """What both destinations' jobs do: read the load file, run its part, check the number of rows."""
        crash_point("load.job_start")
        number, _, select = Path(path).read_text(encoding="utf-8").partition("\n")
        part = self.parts[int(number)]
        assert part.table == table and part.select == select, f"{path} is no load file of this package"
        names = ", ".join(quoted(column) for column in part.columns)
        try:
            done = execute(part, f"select {names}, {literal(load_id)} as _dlt_load_id from ({select})")
        except duckdb_errors() as error:
            self._fail(PartFailed(part, brief(error)))
        if done != part.rows:
            self._fail(PartFailed(part, f"{part.rows} rows were read and {done} landed in {part.table}"))
        crash_point("load.job_committed")

    def before_completion(self, load_id: str) -> None:
        """The caller's last word; what it raises is what `load` raises."""
        try:
            self._before_completion(load_id)
        except Exception as error:
            self.failed = error
            raise

    def check_files(self, part: Part, counted: Iterable[Sequence[Any]]) -> None:
        """Fails the package with CountMismatch unless each file of the part's batch has its rows."""
        if part.batch and (wrong := wrong_files(counted, part.batch.files)):
            self._fail(CountMismatch(part.table, wrong))

    def _fail(self, failure: Exception) -> None:
        from dlt.destinations.exceptions import DatabaseTerminalException

        self.failed = failure
        raise DatabaseTerminalException(failure)  # dlt must not try the same rows again


def _empty(table: str, columns: Sequence[str]) -> Part:
    items = ", ".join(f"null::{'bigint' if c == '_source_row' else 'varchar'} as {quoted(c)}" for c in columns)
    return Part(table, tuple(columns), f"select {items} where false")


def _dlt() -> Any:
    """dlt, imported when landing begins: it takes most of a second, which `--help` should not."""
    import dlt

    return dlt


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain
