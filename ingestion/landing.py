"""The one door into raw.

Every landing begins the same way: take the warehouse's lock; sweep rows whose load never completed; throw away dlt's
local state; note in the ledger that a run started; read anew. Then one dlt package per source holds all its new rows
and the list of their files, so the list is true exactly when the rows are. Before a package is called complete, the
rows of each file are counted in the warehouse and compared with what its reader counted.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ingestion import ledger, pseudonyms, raw, registry
from ingestion.batches import LINEAGE, as_part, column_fault, file_fault, narrowed
from ingestion.counts import CountMismatch, count_files, wrong_files
from ingestion.crash import crash_point
from ingestion.errors import LandingError, WarehouseError
from ingestion.lake import Lake
from ingestion.locking import Check, locked_warehouse
from ingestion.packages import Packages, Part, PartFailed, warehouse_id
from ingestion.report import Outcome, Report
from ingestion.run import Options, SourceRun
from ingestion.settings import LandingSettings, git_sha, read
from ingestion.source import Batch, LakeFile, Problem, Source, SourceError, Unchanged
from ingestion.warehouse import RAW, Warehouse, brief, columns, literal, quoted

log = logging.getLogger(__name__)

OWN_SCHEMA = "landing"


def land(sources: Sequence[Source], options: Options, report: Report) -> list[Outcome]:
    """Lands what is new in each source; one outcome per source, in their order.

    Raises LandingError when nothing (more) can be landed: the lock is taken, the warehouse or its ledger cannot be
    written, a setting is wrong. What a single source or file cannot do is a problem in its outcome instead.
    """
    settings = read(LandingSettings)
    with (
        locked_warehouse(options.wait) as (warehouse, still_locked),
        _scratch(settings.data / "run" / warehouse_id(warehouse)) as scratch,
    ):
        landing = Landing(settings, warehouse, still_locked, scratch, options, report)
        outcomes = landing.start(sources)
        for source, outcome in zip(sources, outcomes, strict=True):
            landing.land(source, outcome)
        return outcomes


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """The folder for this run's files, private to the user; what a killed run left in it is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Landing:
    """One landing of some sources into one locked warehouse."""

    def __init__(
        self,
        settings: LandingSettings,
        warehouse: Warehouse,
        still_locked: Check,
        scratch: Path,
        options: Options,
        report: Report,
    ) -> None:
        self.settings, self.warehouse, self.still_locked = settings, warehouse, still_locked
        self.scratch, self.options, self.report = scratch, options, report
        self.lake = Lake(settings.lake, scratch)
        self.packages = Packages(warehouse, settings.data / "dlt", scratch)

    def start(self, sources: Sequence[Source]) -> list[Outcome]:
        """Sweeps, makes every declared table and column, and notes the starts. Nothing has been read yet.

        Declared by any source, not only those that land now: the project builds all of its models, and a utility that
        has two of the systems must not need the others.
        """
        raw.sweep(self.warehouse, self.report.note)
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        outcomes = [Outcome(s.name, f"{stamp}-{s.name}-{secrets.token_hex(3)}") for s in sources]
        started = [self._event(outcome, "started") for outcome in outcomes]
        everyone = {source.name: source for source in (*registry.sources(), *sources)}
        declared = {t.name: (*t.columns, *LINEAGE) for source in everyone.values() for t in source.tables}
        present = columns(self.warehouse)
        absent = {
            table: names
            for table, names in {**declared, **ledger.TABLES}.items()
            if not set(names) <= set(present.get(table, ()))
        }
        absent["landing_runs"] = ledger.TABLES["landing_runs"]
        try:
            self._package(OWN_SCHEMA, [self._lines("landing_runs", started)], absent)
        except WarehouseError as error:
            # No evidence, no run.
            raise WarehouseError(error.code, f"{error.message}. The run could not be noted in {RAW}.landing_runs, "
                                 "so nothing was read.") from None  # fmt: skip
        raw.index(self.warehouse, declared)
        return outcomes

    def land(self, source: Source, outcome: Outcome) -> None:
        """Lands one source and notes how it went, in the outcome and in the ledger."""
        begin = time.monotonic()
        rows: list[ledger.Row] = []
        stopped: LandingError | None = None
        try:
            batches = self._read(source, outcome)
            self._load(source, outcome, batches)
            rows = self._pseudonyms(source)
        except LandingError as error:
            outcome.problems.append(Problem(error.code, error.message))
            self._recover()
        except Exception as error:
            log.debug("landing %s", source.name, exc_info=True)
            outcome.problems.append(Problem("INTERNAL_LANDING", f"{type(error).__name__}: {brief(error)}"))
            self._recover()
        except KeyboardInterrupt:  # Ctrl-C, and SIGTERM (see __main__.py)
            stopped = LandingError("CANCELLED", f"the landing of {source.name} was stopped; run again for the rest")
            outcome.problems.append(Problem(stopped.code, stopped.message))
            self._recover()
        finally:
            shutil.rmtree(self.scratch / "source", ignore_errors=True)
        outcome.seconds = time.monotonic() - begin
        crash_point("ledger.write")
        parts = [self._lines("landing_runs", [self._event(outcome, "finished")])]
        if outcome.problems:
            problems = [ledger.problem_row(source.name, outcome.run_id, problem) for problem in outcome.problems]
            parts.append(self._lines("landing_problems", problems))
        if rows:
            parts.append(self._lines("pseudonyms", rows))
        self._package(source.name, parts, {part.table: ledger.TABLES[part.table] for part in parts})
        if stopped:
            raise stopped

    def _recover(self) -> None:
        self.warehouse.reopen()
        raw.sweep(self.warehouse, self.report.note)

    # Reading

    def _read(self, source: Source, outcome: Outcome) -> list[Batch]:
        """The source's batches that may be landed; everything else it said is in the outcome."""
        batches: list[Batch] = []
        try:
            scratch = self.scratch / "source"
            run = SourceRun(source, self.options, self.warehouse, self.lake, scratch, self.report)
            for item in source.read(run):
                if isinstance(item, Batch):
                    batches.append(item)
                elif isinstance(item, Unchanged):
                    outcome.unchanged += 1
                else:
                    outcome.problems.append(item)
                    outcome.rejected += item.uri is not None
        except SourceError as error:
            # What was read completely before stands by itself.
            outcome.problems.append(Problem(error.code, error.message, uri=error.uri))
        except LandingError:
            raise
        except Exception as error:
            log.exception("reading %s", source.name)
            outcome.problems.append(
                Problem(
                    "INTERNAL_READER", f"the reader of {source.name} failed with {type(error).__name__}; see the log"
                )
            )
            return []
        return [batch for batch in batches if not self._refused(source, outcome, batch)]

    def _refused(self, source: Source, outcome: Outcome, batch: Batch) -> bool:
        """Whether the batch's columns cannot be landed; then each of its files is a problem."""
        code, message = column_fault(source, batch)
        if code:
            self._reject(outcome, batch, batch.files, code, message)
        return bool(code)

    def _reject(self, outcome: Outcome, batch: Batch, files: Sequence[LakeFile], code: str, message: str) -> None:
        outcome.rejected += len(files)
        outcome.problems += [Problem(code, message, table=batch.table, uri=file.uri) for file in files]

    # Loading

    def _load(self, source: Source, outcome: Outcome, batches: list[Batch]) -> None:
        """Lands the batches as one package. When files turn out bad on the way, again without them."""
        while batches := [batch for batch in batches if batch.files]:
            try:
                self._load_once(source, outcome, batches)
                break
            except PartFailed as failure:
                if failure.part.batch is None or "No space left" in failure.reason:
                    code = "DISK_FULL" if "No space left" in failure.reason else "WAREHOUSE_LOAD"
                    raise WarehouseError(code, f"{self.warehouse.identity}: {failure.reason}") from None
                self._recover()
                narrowed = self._without_bad_files(outcome, failure.part.batch, failure.reason)
                batches = [narrowed if batch is failure.part.batch else batch for batch in batches]
            except CountMismatch as mismatch:
                self._recover()
                batches = [self._without_mismatches(outcome, batch, mismatch) for batch in batches]
        for batch in batches:
            outcome.files += len(batch.files)
            outcome.rows += sum(file.rows for file in batch.files)
            outcome.bytes += sum(file.bytes for file in batch.files)

    def _load_once(self, source: Source, outcome: Outcome, batches: Sequence[Batch]) -> None:
        parts = [as_part(batch) for batch in batches]
        landed_at = ledger.now()
        listed = [
            ledger.file_row(source.name, batch.table, outcome.run_id, landed_at, file)
            for batch in batches
            for file in batch.files
        ]
        wanted: dict[str, dict[str, None]] = {"landed_files": dict.fromkeys(ledger.TABLES["landed_files"])}
        for part in parts:
            known = wanted.setdefault(part.table, dict.fromkeys((*source.table(part.table).columns, *LINEAGE)))
            known.update(dict.fromkeys(part.columns))
        rows = sum(part.rows for part in parts)
        self.report.progress(source.name, 0, None, f"landing {rows:,} rows of {len(listed):,} files")

        def check(load_id: str) -> None:
            self.still_locked()
            if self.warehouse.engine == "duckdb":  # the job on PostgreSQL counts what it copies, which is cheaper there
                for table in {batch.table for batch in batches}:
                    files = [file for batch in batches if batch.table == table for file in batch.files]
                    landed = f"{RAW}.{quoted(table)} where _dlt_load_id = {literal(load_id)}"
                    if wrong := wrong_files(self.warehouse.rows(count_files(landed)), files):
                        raise CountMismatch(table, wrong)

        self._package(
            source.name,
            [*parts, self._lines("landed_files", listed)],
            {table: tuple(names) for table, names in wanted.items()},
            check,
        )

    def _without_mismatches(self, outcome: Outcome, batch: Batch, mismatch: CountMismatch) -> Batch:
        wrong = mismatch.wrong if batch.table == mismatch.table else {}
        unannounced = set(wrong) - {file.source_file for file in batch.files}
        bad = (
            [f for f in batch.files if f.source_file in wrong]
            if batch.narrow and not unannounced
            else list(batch.files)
        )
        if not set(wrong) & {file.source_file for file in batch.files}:
            return batch
        for file in bad:
            reason = wrong.get(
                file.source_file, "another file of the same batch failed, and they cannot be landed apart"
            )
            self._reject(outcome, batch, [file], "DATA_COUNT_MISMATCH", f"{reason}; none of its rows were kept")
        return narrowed(batch, [file for file in batch.files if file not in bad])

    def _without_bad_files(self, outcome: Outcome, batch: Batch, reason: str) -> Batch:
        """Asks the batch's query file by file, rejects the files that fail, and returns the batch of the others."""
        reasons = {file.source_file: reason for file in batch.files}
        if batch.narrow:
            reasons = {
                file.source_file: fault for file in batch.files if (fault := file_fault(batch.narrow([file]), file))
            }
            if not reasons:
                raise WarehouseError("WAREHOUSE_LOAD", f"{self.warehouse.identity}: {reason}")
        bad = [file for file in batch.files if file.source_file in reasons]
        for file in bad:
            self._reject(
                outcome, batch, [file], "DATA_UNREADABLE", f"the file cannot be read: {reasons[file.source_file]}"
            )
        return narrowed(batch, [file for file in batch.files if file not in bad])

    # The ledger

    def _pseudonyms(self, source: Source) -> list[ledger.Row]:
        if not any(table.personal for table in source.tables):
            return []
        key = pseudonyms.load_key(self.settings)
        if key.made_at:
            self.report.note(
                f"made a pseudonym key at {key.made_at}: keep it, and keep it secret (or set PSEUDONYM_KEY)"
            )
        return list(pseudonyms.missing(self.warehouse, source, key))

    def _lines(self, table: str, rows: Sequence[ledger.Row]) -> Part:
        path = self.scratch / f"{table}.jsonl"
        names = ledger.TABLES[table]
        count = ledger.write_lines(path, names, rows)
        return Part(table, names, ledger.select_lines(path, names), count)

    def _event(self, outcome: Outcome, event: str) -> ledger.Row:
        import dlt

        row: dict[str, str | None] = {
            "run_id": outcome.run_id,
            "source": outcome.source,
            "event": event,
            "at": ledger.now(),
            "asked": self.options.asked,
            "dlt_version": dlt.__version__,
            "git_sha": git_sha(),
        }
        if event == "finished":
            first = outcome.problems[0] if outcome.problems else None
            row |= {
                "status": outcome.status,
                "code": first.code if first else None,
                "message": first.message if first else None,
                "files_landed": str(outcome.files),
                "files_unchanged": str(outcome.unchanged),
                "files_rejected": str(outcome.rejected),
                "rows_landed": str(outcome.rows),
                "bytes_landed": str(outcome.bytes),
            }
        return row

    def _package(
        self,
        schema: str,
        parts: Sequence[Part],
        wanted: Mapping[str, Sequence[str]],
        check: Callable[[str], None] = lambda load_id: None,
    ) -> None:
        self.still_locked()
        newest = raw.newest_load(self.warehouse)
        if str(time.time()) <= newest:
            # Load ids are epoch seconds as text; staging takes the greatest for the latest, and the sweep relies on it.
            advice = (
                f"the clock of this host is behind load {newest}, which was made earlier; set it right and run again"
            )
            raise LandingError("CONFIG_CLOCK", advice)
        self.packages.load(schema, parts, wanted, check)
