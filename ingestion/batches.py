"""Batches as load jobs: how their columns are named in raw, what is refused, and which file of a batch is at fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingestion.packages import Part
from ingestion.source import Batch, LakeFile, Source
from ingestion.warehouse import brief, duckdb_errors, quoted

LINEAGE = ("_source_file", "_source_row")
LONGEST_NAME = 50
"""Longer names are refused: PostgreSQL cuts at 63 characters and dlt then shortens with a hash, on that engine only."""


def column_fault(source: Source, batch: Batch) -> tuple[str, str]:
    """Code and message of what is wrong with the batch's column names, or two empty texts."""
    try:
        table = source.table(batch.table)
    except KeyError as error:
        return "INTERNAL_READER", str(error.args[0])
    names = _raw_names(batch.columns)
    if missing := [name for name in table.key if name not in names]:
        return "DATA_MISSING_COLUMN", f"the delivery has no column {', '.join(missing)}, which identifies its rows"
    taken = {
        **dict.fromkeys(LINEAGE, "a column of ours"),
        "_dlt_load_id": "a column of ours",
        "_dlt_id": "a column of ours",
    }
    for sent, name in zip(batch.columns, names, strict=True):
        if name in taken:
            return "DATA_DUPLICATE_COLUMN", f"columns {sent!r} and {taken[name]!r} have the same name ({name}) in raw"
        if len(name) > LONGEST_NAME:
            return "DATA_COLUMN_NAME", f"column {sent[:60]!r} has a name longer than {LONGEST_NAME} characters"
        taken[name] = sent
    return "", ""


def _raw_names(sent: Sequence[str]) -> tuple[str, ...]:
    """Column names as raw has them: dlt's snake case."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    naming = NamingConvention()
    return tuple(naming.normalize_identifier(name) if name.strip() else "" for name in sent)


def as_part(batch: Batch) -> Part:
    """The batch's load job."""
    names = _raw_names(batch.columns)
    items = ", ".join(f"{quoted(sent)} as {quoted(name)}" for sent, name in zip(batch.columns, names, strict=True))
    select = f"select {items}, _source_file, _source_row from ({batch.query})"
    return Part(batch.table, (*names, *LINEAGE), select, sum(f.rows for f in batch.files), batch, batch.ordered)


def narrowed(batch: Batch, files: Sequence[LakeFile]) -> Batch:
    """The batch with some of its files only; with none when it cannot be narrowed."""
    if not files or not batch.narrow:
        return replace(batch, files=())
    return replace(batch, files=tuple(files), query=batch.narrow(files))


def file_fault(query: str, file: LakeFile) -> str | None:
    """Why the file's rows cannot be read, or None."""
    import duckdb

    try:
        with duckdb.connect() as engine:
            found = engine.execute(f"select count(*), bit_xor(hash(rows)) from ({query}) as rows").fetchone()
    except duckdb_errors() as error:
        return brief(error)
    count = found[0] if found else 0
    return None if count == file.rows else f"its reader counted {file.rows} rows and the query gives {count}"
