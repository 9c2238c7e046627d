"""Any table of any layer: marts and ledgers from the published copy, those before them from the warehouse itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from serving import dictionary, inspection
from serving.dashboard.reading import ask, publication, published
from serving.inspection import Seen, Where
from serving.published import Column

SHOWN = 1_000
TAKEN = 100_000
KEPT_SECONDS = 30
"""How long a look at the warehouse is kept: it opens it anew each time, and a page asks again with each touch."""


def names() -> list[str]:
    """`layer.table` of all that can be shown, in the order that data flows. Raises NotPublished or WarehouseError."""
    shown = _published(publication().etag)
    return [name for name, one in dictionary.tables().items() if one.layer in inspection.LAYERS or one.name in shown]


def columns(name: str) -> list[Column]:
    """Columns in order as the engine has them; empty when the table has not been made yet. Raises as `rows` does."""
    described = dictionary.tables()[name]
    if described.layer in inspection.LAYERS:
        return _columns(name)
    return _published(publication().etag)[described.name]


def rows(name: str, where: Sequence[Where]) -> Seen:
    """The first SHOWN rows. Raises InspectionError, NotPublished, BusyError or WarehouseError."""
    if dictionary.tables()[name].layer in inspection.LAYERS:
        return _rows(name, tuple(where))
    return _of_copy(name, *_conditions(name, where), SHOWN, lambda sql, parameters: ask(sql, **parameters))


def taken(name: str, where: Sequence[Where]) -> pa.Table:
    """The first TAKEN rows, for a file; not kept. Raises as `rows` does."""
    if dictionary.tables()[name].layer in inspection.LAYERS:
        return inspection.rows(name, where, TAKEN).table
    answer = published().ask
    return _of_copy(name, *_conditions(name, where), TAKEN, lambda sql, parameters: answer(sql, parameters).table).table


def beneath(name: str, step: dictionary.Step, written: Mapping[str, str]) -> Seen:
    """The first SHOWN rows that a row of `name` was made from; `written` are that row's values as text, those that are
    null left out. Raises as `rows` does."""
    values = inspection.typed(written, columns(name), sorted(step.values))
    if dictionary.tables()[step.table].layer in inspection.LAYERS:
        return inspection.beneath(step, values, SHOWN)
    return _of_copy(step.table, step.where, values, SHOWN, lambda sql, parameters: ask(sql, **parameters))


def _conditions(name: str, where: Sequence[Where]) -> tuple[str, dict[str, Any]]:
    return inspection.conditions(dictionary.tables()[name], columns(name), where)


def _of_copy(
    name: str,
    where: str,
    parameters: dict[str, Any],
    limit: int,
    answer: Callable[[str, dict[str, Any]], pa.Table],
) -> Seen:
    described = dictionary.tables()[name]
    return inspection.seen(lambda sql: answer(sql, parameters), described.name, described, columns(name), where, limit)


def meanings(name: str) -> pa.Table:
    """The data dictionary of one table: a row per column in order."""
    described = dictionary.tables()[name]
    kinds = {"column": pa.string(), "type": pa.string(), "unit": pa.string(), "pii": pa.string(), "means": pa.string()}
    found = []
    for column in columns(name):
        entry = described.entry(column.name)
        pii = "masked" if described.is_masked(column.name) else entry.pii
        means = entry.description or column.description or _LINEAGE.get(column.name)
        found.append({"column": column.name, "type": column.kind, "unit": entry.unit, "pii": pii, "means": means})
    return pa.Table.from_pylist(found, pa.schema(kinds))


_LINEAGE = {
    "_source_file": "The delivered file that the row came from, by the hash of its content.",
    "_source_row": "The row's place in that file, from 1.",
    "_dlt_load_id": "The landing that brought it.",
    "_parse_failures": "Texts that could not be parsed: the ledger parse_failures shows those that are nobody's.",
}


def files(load: str, file: str) -> pa.Table:
    """The delivered file that rows of that load came from; a row per raw table. Raises as `rows` does."""
    return _files(load, file)


@st.cache_data(max_entries=2, show_spinner=False)
def _published(etag: str) -> dict[str, list[Column]]:
    return published().tables()


@st.cache_data(max_entries=200, ttl=KEPT_SECONDS, show_spinner=False)
def _columns(name: str) -> list[Column]:
    return inspection.columns(name)


@st.cache_data(max_entries=20, ttl=KEPT_SECONDS, show_spinner=False)
def _rows(name: str, where: tuple[Where, ...]) -> Seen:
    return inspection.rows(name, where, SHOWN)


@st.cache_data(max_entries=20, ttl=KEPT_SECONDS, show_spinner=False)
def _files(load: str, file: str) -> pa.Table:
    return inspection.files(load, file)
