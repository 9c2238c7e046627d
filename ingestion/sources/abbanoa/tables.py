"""Parquet: typed values as text, the same text for the same value on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.clients.content import BadContent, raw_names, sql_name, sql_text
from ingestion.source import Table
from ingestion.sources.abbanoa.dialects import Measured

_MAGIC = b"PAR1"
_NESTED = ("STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class Columns:
    """A Parquet file's columns: name, raw column and DuckDB type of each, in its order."""

    of_file: tuple[tuple[str, str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(raw for _, raw, _ in self.of_file)

    def rows(self, path: Path, source_file: str) -> str:
        """The query of a `Batch` for one file."""
        items = ", ".join(f"{_text(sql_name(name), kind)} as {sql_name(raw)}" for name, raw, kind in self.of_file)
        return (
            f'select {items}, {sql_text(source_file)} as "_source_file", file_row_number + 1 as "_source_row" '
            f"from read_parquet({sql_text(str(path))}, file_row_number = true)"
        )

    def span(self) -> tuple[str, str]:
        """SQL of the first and last instant. Typed stamps order as they are, and only two of them are converted."""
        name, kind = self._stamp()
        if kind.startswith("TIMESTAMP"):
            return f"min({name})::timestamptz", f"max({name})::timestamptz"
        return f"min({self.instant()})", f"max({self.instant()})"

    def _stamp(self) -> tuple[str, str]:
        return next((sql_name(name), kind) for name, raw, kind in self.of_file if raw == "timestamp")

    def instant(self) -> str:
        """SQL of a row's instant, for a session in the sensors' zone; null where the stamp is none."""
        name, kind = self._stamp()
        return f"{name}::timestamptz" if kind.startswith("TIMESTAMP") else f"try_cast({name}::varchar as timestamptz)"


def recognise(engine: duckdb.DuckDBPyConnection, path: Path, table: Table) -> Columns:
    """The columns, without reading rows. Raises BadContent."""
    size = path.stat().st_size
    if not size:
        raise BadContent("DATA_EMPTY_FILE", "0 bytes: an upload that did not happen; have it delivered again")
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, size - 4))
        if start != _MAGIC or file.read(4) != _MAGIC:
            raise BadContent("DATA_PARQUET", "no Parquet file, or one cut short; have it delivered again")
    try:
        found = engine.execute(f"describe select * from read_parquet({sql_text(str(path))})").fetchall()
    except duckdb.Error:
        raise BadContent("DATA_PARQUET", "damaged, or no Parquet that DuckDB reads; have it delivered again") from None
    kinds = {str(row[0]): str(row[1]) for row in found}
    names = raw_names(list(kinds))
    if missing := [key for key in table.key if key not in names.values()]:
        new = ", ".join(raw for raw in names.values() if raw not in table.columns)[:200] or "none"
        message = f"no column {', '.join(missing)}; new columns: {new}. If it was renamed, the reader must learn that"
        raise BadContent("DATA_MISSING_COLUMN", message, column=missing[0])
    return Columns(tuple((name, raw, kinds[name]) for name, raw in names.items()))


def measure(engine: duckdb.DuckDBPyConnection, columns: Columns, path: Path) -> Measured:
    """Rows, first and last instant, in one pass over stamps and texts. Raises BadContent."""
    first, last = columns.span()
    texts = [sql_name(name) for name, _, kind in columns.of_file if kind == "VARCHAR"]
    nul = " or ".join(f"contains({name}, chr(0))" for name in texts) or "false"
    try:
        found = engine.execute(
            f"select count(*), epoch({first}), epoch({last}), bool_or({nul}) from read_parquet({sql_text(str(path))})"
        ).fetchone()
    except duckdb.Error:
        raise BadContent("DATA_PARQUET", "its rows cannot be read; have it delivered again") from None
    assert found is not None
    if found[3]:
        raise _nul(engine, columns, path)
    return Measured(*found[:3])


def late_rows(engine: duckdb.DuckDBPyConnection, columns: Columns, path: Path, before: float) -> int:
    """Rows whose instant lies before a moment."""
    found = engine.execute(
        f"select count(*) from read_parquet({sql_text(str(path))}) where epoch({columns.instant()}) < {before!r}"
    ).fetchone()
    return int(found[0]) if found else 0


def _nul(engine: duckdb.DuckDBPyConnection, columns: Columns, path: Path) -> BadContent:
    """The row and column of the first NUL, which PostgreSQL could not hold."""
    places = []
    for name, raw, kind in columns.of_file:
        if kind == "VARCHAR":
            found = engine.execute(
                f"select min(file_row_number) + 1 from read_parquet({sql_text(str(path))}, file_row_number = true) "
                f"where contains({sql_name(name)}, chr(0))"
            ).fetchone()
            if found and found[0] is not None:
                places.append((int(found[0]), raw))
    row, column = min(places)
    return BadContent(
        "DATA_NUL_BYTE", f"a NUL byte in row {row}, column {column}; no text column can hold it", row, column
    )


def _text(name: str, kind: str) -> str:
    if kind == "VARCHAR":
        return name
    if kind == "TIMESTAMP WITH TIME ZONE":
        # A cast would show the session's zone, which is that of the machine.
        return f"make_timestamp(epoch_us({name}))::varchar || '+00'"
    if kind.startswith(_NESTED) or kind.endswith("[]"):
        return f"to_json({name})::varchar"
    return f"{name}::varchar"
