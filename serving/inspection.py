"""Raw, staging and intermediate tables as they stand in the warehouse, for people who follow a figure back to its file.

A reader apart from `serving/published.py`, for one question at a time: it opens the warehouse read-only, asks, and
closes it at once. On DuckDB a landing or build that begins meanwhile finds the file taken, as it would by any reader;
hence SECONDS. Columns with somebody's name, address or number are never selected (`serving/dictionary.py`), and cannot
be searched either.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from ingestion.errors import BusyError, LandingError
from ingestion.settings import Settings, absolute, read
from ingestion.warehouse import RAW, PostgresWarehouse, WarehouseSettings, quoted
from serving import arrow, dictionary
from serving.published import Column, ReaderSettings

LAYERS = (RAW, "staging", "intermediate")
"""What lies here and not in the published copy."""
SECONDS = 10.0
OPERATORS = ("=", "contains", "<", ">", "is empty")
MASKED = "masked"
LETTERS = 200
_NUMBERS = re.compile(r"(tiny|small|big|huge|u)?int|integer|numeric|decimal|double|real|float")
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,15})?")
_PARAMETER = re.compile(r"\$([a-z_]+)")
_WAIT_SECONDS = 10.0
_turn = threading.Lock()


class InspectorSettings(Settings):
    """As whom PostgreSQL is asked; default: the reader's role, then PGUSER."""

    inspector_pguser: str | None = None
    inspector_pgpassword: SecretStr | None = None


class InspectionError(LandingError):
    """The question is not answered; `message` says why in a sentence for the person who asked."""


@dataclass(frozen=True)
class Where:
    """What rows must have: `value` is text as a person typed it, and means nothing for `is empty`."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Seen:
    """Rows, in no particular order; `is_truncated` when there are more."""

    table: pa.Table
    is_truncated: bool


def columns(name: str) -> list[Column]:
    """Columns of `layer.table` in order, as the engine has them; empty when it has not been made yet.

    Raises InspectionError (NO_SUCH_TABLE for what is not in the dictionary), BusyError or WarehouseError.
    """
    described = _known(name)
    with _opened() as ask:
        return _columns(ask, described)


def rows(name: str, where: Sequence[Where], limit: int) -> Seen:
    """At most `limit` rows of `layer.table`, with MASKED in the place of what names a person.

    Raises InspectionError: NO_SUCH_TABLE, NO_SUCH_COLUMN, FILTER_VALUE, QUERY_FAILED, QUERY_TIMEOUT or
    DENIED_INSPECTOR; BusyError while a landing or build writes; WarehouseError.
    """
    return _seen(name, limit, lambda described, found: conditions(described, found, where))


def beneath(step: dictionary.Step, values: Mapping[str, Any], limit: int) -> Seen:
    """At most `limit` of the rows of the warehouse that a row was made from; `values` are that row's own, as `typed`
    gives them. Raises as `rows` does."""
    return _seen(step.table, limit, lambda *_: (step.where, values))


def _seen(
    name: str,
    limit: int,
    where: Callable[[dictionary.Described, Sequence[Column]], tuple[str, Mapping[str, Any]]],
) -> Seen:
    described = _known(name)
    with _opened() as ask:
        found = _columns(ask, described)
        if not found:
            raise InspectionError("NO_SUCH_TABLE", f"{name} has not been made yet")
        condition, parameters = where(described, found)
        relation = f"{quoted(described.layer)}.{quoted(described.name)}"
        return seen(lambda sql: ask(sql, parameters), relation, described, found, condition, limit)


def files(load: str, file: str) -> pa.Table:
    """Where rows with that `_dlt_load_id` and `_source_file` came from: a row per raw table with source, address,
    place in the lake, rows, bytes and the instant it landed (UTC), all text. Raises as `rows` does."""
    with _opened() as ask:
        return ask(
            f"select source, table_name, uri, lake_key, rows, bytes, landed_at from {RAW}.landed_files "
            "where source_file = $file and _dlt_load_id = $load order by source, table_name limit 100",
            {"file": file, "load": load},
        )


def conditions(
    described: dictionary.Described, found: Sequence[Column], where: Sequence[Where]
) -> tuple[str, dict[str, Any]]:
    """The condition of a SELECT, empty for all rows, and its parameters; every name in it is one of `found`.

    Raises InspectionError NO_SUCH_COLUMN or FILTER_VALUE.
    """
    kinds = {column.name: column.kind for column in found}
    held, parameters = [], {}
    for number, one in enumerate(where):
        if one.column not in kinds:
            raise InspectionError("NO_SUCH_COLUMN", f"there is no such column in {described.layer}.{described.name}")
        if described.is_masked(one.column):
            raise InspectionError("NO_SUCH_COLUMN", f"{one.column} is masked and cannot be searched")
        parameter = "value_" + "abcdefgh"[number]
        held.append(_condition(one, kinds[one.column], parameter))
        if one.operator == "contains":
            parameters[parameter] = _bounded(one.value).lower()
        elif one.operator != "is empty":
            parameters[parameter] = _typed(one.value, kinds[one.column], one.column)
    return " and ".join(held), parameters


def seen(
    ask: Callable[[str], pa.Table],
    relation: str,
    described: dictionary.Described,
    found: Sequence[Column],
    where: str,
    limit: int,
) -> Seen:
    """At most `limit` rows of `relation`, with MASKED in the place of what names a person. `where` may be empty."""
    listed = ", ".join(
        f"'{MASKED}' as {quoted(one.name)}" if described.is_masked(one.name) else quoted(one.name) for one in found
    )
    table = ask(f"select {listed} from {relation}{f' where {where}' if where else ''} limit {int(limit) + 1}")
    return Seen(table.slice(0, limit), table.num_rows > limit)


def typed(written: Mapping[str, str], found: Sequence[Column], wanted: Iterable[str]) -> dict[str, Any]:
    """Values of a row as its columns have them; None for one that is not written.

    Raises InspectionError FILTER_VALUE for what a column cannot hold, NO_SUCH_COLUMN.
    """
    kinds = {column.name: column.kind for column in found}
    if unknown := sorted(set(wanted) - kinds.keys()):
        raise InspectionError("NO_SUCH_COLUMN", f"there is no column {', '.join(unknown)}")
    return {name: _typed(written[name], kinds[name], name) if name in written else None for name in wanted}


def _condition(where: Where, kind: str, parameter: str) -> str:
    column = quoted(where.column)
    text = f"cast({column} as varchar)"
    if where.operator == "is empty":
        return f"({column} is null or {text} = '')"
    if where.operator == "contains":
        return f"strpos(lower({text}), ${parameter}) > 0"
    if where.operator not in OPERATORS:
        raise InspectionError("FILTER_VALUE", f"rows can be compared by {', '.join(OPERATORS)}")
    return f"{column if _family(kind) != 'text' else text} {where.operator} ${parameter}"


def _family(kind: str) -> str:
    if _NUMBERS.match(kind):
        return "number"
    return next((family for family in ("date", "timestamp", "boolean") if re.match(rf"{family}\b", kind)), "text")


def _typed(value: str, kind: str, column: str) -> Any:
    family = _family(kind)
    value = _bounded(value)
    try:
        if family == "number":
            if not _NUMBER.fullmatch(value.strip()):
                raise ValueError
            return Decimal(value.strip())
        if family == "date":
            return date.fromisoformat(value.strip())
        if family == "timestamp":
            at = datetime.fromisoformat(value.strip())
            return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
        if family == "boolean":
            return {"true": True, "false": False}[value.strip().lower()]
    except (ValueError, KeyError):
        example = {"number": "12.5", "date": "2021-03-28", "timestamp": "2021-03-28 01:00", "boolean": "true"}[family]
        raise InspectionError("FILTER_VALUE", f"{column} is a {family}: write it as {example}") from None
    return value


def _bounded(value: str) -> str:
    if len(value) > LETTERS or "\0" in value:
        raise InspectionError("FILTER_VALUE", f"a value has at most {LETTERS} letters")
    return value


def _known(name: str) -> dictionary.Described:
    described = dictionary.tables().get(name)
    if described is None or described.layer not in LAYERS:
        raise InspectionError("NO_SUCH_TABLE", f"there is no such table in {', '.join(LAYERS)}")
    return described


def _columns(ask: Any, described: dictionary.Described) -> list[Column]:
    found = ask(_ask_columns(ask.engine), {"layer": described.layer, "name": described.name})
    return [Column(row["column_name"], str(row["data_type"]).lower(), None) for row in found.to_pylist()]


def _ask_columns(engine: str) -> str:
    if engine == "duckdb":
        return (
            "select column_name, data_type from duckdb_columns() where database_name = current_database() "
            "and schema_name = $layer and table_name = $name order by column_index"
        )
    # information_schema would hide what the role may not read, and so the reason.
    return (
        "select a.attname::text as column_name, format_type(a.atttypid, a.atttypmod) as data_type "
        "from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = $layer and c.relname = $name and a.attnum > 0 and not a.attisdropped order by a.attnum"
    )


@contextmanager
def _opened() -> Iterator[Any]:
    settings = read(WarehouseSettings)
    if not _turn.acquire(timeout=_WAIT_SECONDS):
        raise BusyError("BUSY_INSPECTION", "somebody else is looking at the warehouse; ask again in a moment")
    try:
        asker: _File | _Database = _File(settings) if settings.warehouse == "duckdb" else _Database(settings)
        try:
            yield asker
        finally:
            asker.close()
    finally:
        _turn.release()


class _File:
    """The DuckDB warehouse."""

    engine = "duckdb"

    def __init__(self, settings: WarehouseSettings) -> None:
        import duckdb

        path = absolute(settings.warehouse_path)
        if not path.exists():
            raise InspectionError("NO_WAREHOUSE", "there is no warehouse on this machine, only what is published")
        config: dict[str, Any] = {
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "memory_limit": "1GB",
        }
        try:
            self._connection = duckdb.connect(str(path), read_only=True, config=config)
        except duckdb.Error as error:
            if "Could not set lock" in str(error):
                raise BusyError(
                    "BUSY_WAREHOUSE", "a landing or a build is writing; ask again when it is done"
                ) from None
            raise InspectionError("WAREHOUSE_DOWN", "the warehouse cannot be opened") from None
        self._connection.execute("set TimeZone = 'UTC'")

    def __call__(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        import duckdb

        guard = threading.Timer(SECONDS, self._connection.interrupt)
        guard.start()
        try:
            found = self._connection.execute(sql, dict(parameters)).to_arrow_table()
            try:
                return arrow.of_duckdb(found)
            except pa.ArrowInvalid:  # a whole number that 64 bits do not hold
                return found
        except duckdb.InterruptException:
            raise _too_long() from None
        except duckdb.Error:
            # Its words may show the value it stumbled over.
            raise InspectionError("QUERY_FAILED", "the warehouse could not answer this") from None
        finally:
            guard.cancel()

    def close(self) -> None:
        self._connection.close()


class _Database:
    """The PostgreSQL warehouse."""

    engine = "postgres"

    def __init__(self, settings: WarehouseSettings) -> None:
        reader, inspector = read(ReaderSettings), read(InspectorSettings)
        if inspector.inspector_pguser:
            given = {"pguser": inspector.inspector_pguser, "pgpassword": inspector.inspector_pgpassword}
            settings = settings.model_copy(update=given)
        elif reader.reader_pguser:
            given = {"pguser": reader.reader_pguser, "pgpassword": reader.reader_pgpassword}
            settings = settings.model_copy(update=given)
        self._role = settings.pguser
        self._warehouse = PostgresWarehouse(settings, is_written=False, application="inspector")
        self._warehouse.connection.set_session(readonly=True, autocommit=False)

    def __call__(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        import psycopg2
        import psycopg2.errors

        with self._warehouse.connection.cursor() as cursor:
            try:
                cursor.execute(f"set local statement_timeout = {int(SECONDS * 1000)}")
                cursor.execute(_PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")), dict(parameters))
                return arrow.of_postgres(cursor.description, cursor.fetchall())
            except psycopg2.errors.QueryCanceled:
                raise _too_long() from None
            except psycopg2.errors.InsufficientPrivilege:
                raise InspectionError(
                    "DENIED_INSPECTOR",
                    f"the role {self._role} may not read this; INSPECTOR_PGUSER can name one that may",
                ) from None
            except psycopg2.Error:
                raise InspectionError("QUERY_FAILED", "the warehouse could not answer this") from None

    def close(self) -> None:
        self._warehouse.close()


def _too_long() -> InspectionError:
    return InspectionError("QUERY_TIMEOUT", f"the answer took more than {SECONDS:g} s and was given up")
