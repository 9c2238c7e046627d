"""Pages of a published table: some of its columns, in the order of a key, each page going on after the last row.

Row types come from the models' YAML, units and descriptions included. The order of a table's key decides which row
comes next, so that a page that is asked for again holds the same rows until another build is published.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Optional

from pydantic import AwareDatetime, BaseModel, Field, NaiveDatetime, TypeAdapter, ValidationError, create_model

from serving import dictionary
from serving.api.errors import ApiError

MAX_ROWS = 10_000
BOOKKEEPING = ("_changed_load_id", "_interval_bits")
"""Columns by which increments go; they say nothing to a reader."""
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_TYPES: dict[str, Any] = {
    "string": str, "bigint": int, "integer": int, "boolean": bool, "date": date, "timestamp": AwareDatetime,
    "numeric": float,
}  # fmt: skip
"""How a column of a declared type stands in a JSON answer."""
_PARSED: dict[str, Any] = {"string": str, "bigint": Whole, "integer": Whole, "date": date, "timestamp": NaiveDatetime}
"""How a place in the order is read back."""
_SQL = {"string": "text", "bigint": "bigint", "integer": "bigint", "date": "date", "timestamp": "timestamp"}
_NOTHING = {"text": "", "bigint": "0", "date": "0001-01-01", "timestamp": "0001-01-01 00:00:00"}


class PublicationSeen(BaseModel):
    """Which build an answer is of."""

    invocation_id: str = Field(description="dbt's name of the build.")
    built_at: AwareDatetime = Field(description="When the build ended (UTC).")
    published_at: AwareDatetime = Field(description="When readers got it (UTC).")


class Page(BaseModel):
    """Rows, the publication they are of, and where to go on."""

    publication: PublicationSeen
    next_after: str | None = Field(description="Ask again with `after` of this for what follows; null at the end.")


@dataclass(frozen=True)
class Column:
    """A column that is shown."""

    name: str
    entry: dictionary.Entry

    @property
    def kind(self) -> str:
        """Its declared type without width."""
        return (self.entry.kind or "string").split("(")[0].strip()


@dataclass(frozen=True)
class Listing:
    """One table as a route shows it. `keys` are columns that are together unique; they may be null."""

    table: str
    keys: tuple[str, ...]
    is_newest_first: bool = False

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """In the model's order, without its bookkeeping."""
        known = dictionary.tables()
        found = next(known[name] for layer in ("marts", "ledger") if (name := f"{layer}.{self.table}") in known)
        return tuple(Column(name, entry) for name, entry in found.columns.items() if name not in BOOKKEEPING)

    @cached_property
    def page(self) -> type[Page]:
        """The type of a JSON answer."""
        title = "".join(part.capitalize() for part in self.table.split("_"))
        # Pydantic keeps names with an underscore in front to itself.
        fields: dict[str, Any] = {column.name.lstrip("_"): _field(column) for column in self.columns}
        row = create_model(f"{title}Row", **fields)
        return create_model(f"{title}Page", __base__=Page, rows=(list[row], ...))  # type: ignore[valid-type]

    def question(
        self, filters: Sequence[tuple[str, Mapping[str, Any]]], after: str | None, limit: int
    ) -> tuple[str, dict[str, Any]]:
        """SQL and parameters of a page, one row more than it holds. A filter of which a value is None is left out."""
        conditions: list[str] = []
        parameters: dict[str, Any] = {"rows": limit + 1}
        for condition, values in filters:
            if all(value is not None for value in values.values()):
                conditions.append(condition)
                parameters.update(values)
        if after is not None:
            given = {f"after_{_LETTERS[number]}": value for number, value in enumerate(self._place(after))}
            compared = ", ".join(f"cast(${name} as {sql})" for name, (_, sql) in zip(given, self._order, strict=True))
            names = ", ".join(expression for expression, _ in self._order)
            conditions.append(f"({names}) {'<' if self.is_newest_first else '>'} ({compared})")
            parameters.update(given)
        selected = ", ".join(f"{column.name} as {column.name.lstrip('_')}" for column in self.columns)
        where = f" where {' and '.join(conditions)}" if conditions else ""
        order = ", ".join(f"{one} desc" if self.is_newest_first else one for one, _ in self._order)
        return f"select {selected} from {self.table}{where} order by {order} limit $rows", parameters

    def after(self, row: Mapping[str, Any]) -> str:
        """The place of a row in the order, as `after` takes it."""
        found = [row[key.lstrip("_")] for key in self.keys]
        values = [value.isoformat() if isinstance(value, date) else value for value in found]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    @cached_property
    def _key_columns(self) -> tuple[Column, ...]:
        known = {column.name: column for column in self.columns}
        return tuple(known[key] for key in self.keys)

    @cached_property
    def _order(self) -> tuple[tuple[str, str], ...]:
        """(expression, SQL type) by which rows are ordered. What may be null comes before all else, on both engines."""
        order: list[tuple[str, str]] = []
        for column in self._key_columns:
            sql = _SQL[column.kind]
            if column.entry.is_required:
                order.append((column.name, sql))
            else:
                order.append((f"case when {column.name} is null then 0 else 1 end", "integer"))
                order.append((f"coalesce({column.name}, cast('{_NOTHING[sql]}' as {sql}))", sql))
        return tuple(order)

    def _place(self, after: str) -> list[Any]:
        """The values of a place, one per expression of the order. Raises ApiError 404."""
        try:
            said = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode())
            if not isinstance(said, list):
                raise ValueError
            values: list[Any] = []
            for column, value in zip(self._key_columns, said, strict=True):
                parsed = None if value is None else TypeAdapter(_PARSED[column.kind]).validate_python(value)
                if isinstance(parsed, str) and "\0" in parsed:
                    raise ValueError
                if column.entry.is_required:
                    if parsed is None:
                        raise ValueError
                    values.append(parsed)
                else:
                    values += [int(parsed is not None), _NOTHING[_SQL[column.kind]] if parsed is None else parsed]
            return values
        except (ValueError, ValidationError):
            raise ApiError(404, "NO_SUCH_PAGE", "`after` is no `next_after` of this address.") from None


_LETTERS = "abcdefghijklmnop"
"""Names of parameters have no digits."""


def _field(column: Column) -> tuple[Any, Any]:
    kind, said = _TYPES[column.kind], column.entry.description or ""
    words = f"{said} Unit: {column.entry.unit}." if column.entry.unit else said
    annotation = kind if column.entry.is_required else Optional[kind]  # noqa: UP045
    return annotation, Field(description=words)
