"""The landing's own tables in raw, all text: which files and runs there were, and what went wrong.

Their rows enter by the same door as everything else, as a small file of JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingestion.source import LakeFile, Problem
from ingestion.warehouse import literal, quoted

TABLES: dict[str, tuple[str, ...]] = {
    "landed_files": (
        "source", "table_name", "uri", "source_file", "lake_key", "sha256", "bytes", "rows", "columns", "read_kind",
        "version", "delivered_at", "first_at", "last_at", "landed_at", "run_id",
    ),
    "landing_runs": (
        "run_id", "source", "event", "at", "status", "code", "message", "files_landed", "files_unchanged",
        "files_rejected", "rows_landed", "bytes_landed", "asked", "dlt_version", "git_sha",
    ),
    "landing_problems": (
        "run_id", "source", "table_name", "uri", "code", "message", "source_row", "source_column", "at",
    ),
    "pseudonyms": ("original", "pseudonym", "key_id"),
}  # fmt: skip

Row = Mapping[str, str | None]


def now() -> str:
    """This instant, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def file_row(source: str, table: str, run_id: str, landed_at: str, file: LakeFile) -> Row:
    return {
        "source": source,
        "table_name": table,
        "uri": file.uri,
        "source_file": file.source_file,
        "lake_key": file.key,
        "sha256": file.sha256,
        "bytes": str(file.bytes),
        "rows": str(file.rows),
        "columns": json.dumps(list(file.columns), ensure_ascii=False),
        "read_kind": file.read_kind,
        "version": file.version,
        "delivered_at": file.delivered_at,
        "first_at": file.first_at,
        "last_at": file.last_at,
        "landed_at": landed_at,
        "run_id": run_id,
    }


def problem_row(source: str, run_id: str, problem: Problem) -> Row:
    return {
        "run_id": run_id,
        "source": source,
        "table_name": problem.table,
        "uri": problem.uri,
        "code": problem.code,
        "message": problem.message,
        "source_row": None if problem.row is None else str(problem.row),
        "source_column": problem.column,
        "at": now(),
    }


def write_lines(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Writes rows as JSON lines; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        for row in rows:
            stream.write(json.dumps([row.get(column) for column in columns], ensure_ascii=False) + "\n")
            count += 1
    return count


def select_lines(path: Path, columns: Sequence[str]) -> str:
    """The DuckDB SELECT that reads what `write_lines` wrote."""
    items = ", ".join(f"json[{number}] as {quoted(column)}" for number, column in enumerate(columns, 1))
    # Lines are arrays, so that no key can clash with anything; 64 MiB is more than any line of ours.
    return (
        f"select {items} from read_json({literal(str(path))}, columns = {{json: 'VARCHAR[]'}}, "
        "format = 'newline_delimited', records = false, maximum_object_size = 67108864)"
    )
