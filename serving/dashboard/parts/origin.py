"""Where a row came from: from any row, step by step, down to its place in a delivered file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pyarrow as pa
import streamlit as st

from ingestion.errors import BusyError
from serving import dictionary
from serving.dashboard.queries import tables
from serving.inspection import InspectionError, Where

# A row as the address carries it: load, place and file (labels of files may hold anything), or its table and values.
PLACE = re.compile(r"(?P<load>[\w.]{1,40})\|(?P<row>\d{1,18})\|(?P<file>.{1,300})")
ROW = re.compile(r"(?P<table>[a-z]+\.\w{1,63})\?(?P<values>.{0,2000})")


def written(name: str, row: Mapping[str, Any]) -> str | None:
    """How the address names a row of `name`; None for one that cannot be followed."""
    if all(row.get(column) is not None for column in dictionary.LINEAGE):
        return f"{row['_dlt_load_id']}|{row['_source_row']}|{row['_source_file']}"
    wanted = sorted({column for step in dictionary.tables()[name].made_from for column in step.values})
    return f"{name}?{urlencode({one: _text(row[one]) for one in wanted if row[one] is not None})}" if wanted else None


def rows(name: str, table: pa.Table, key: str) -> None:
    """The rows of `name`; choosing one follows it, where that is possible."""
    headers = _headers(name)
    has_place = all(column in table.column_names for column in dictionary.LINEAGE)
    if not has_place and not dictionary.tables()[name].made_from:
        st.dataframe(table, hide_index=True, placeholder="null", column_config=headers)
        return

    def follow() -> None:
        chosen = st.session_state[key]["selection"]["rows"]
        if chosen and chosen[0] < table.num_rows:
            row = written(name, table.slice(chosen[0], 1).to_pylist()[0])
            shown = st.session_state.get("row")
            if row and row != shown:
                st.session_state["rows_before"] = [
                    *st.session_state.get("rows_before", []),
                    *([shown] if shown else []),
                ]
                st.session_state["row"] = row

    st.dataframe(
        table,
        hide_index=True,
        placeholder="null",
        column_config=headers,
        key=key,
        on_select=follow,
        selection_mode="single-row",
    )


def trace() -> None:
    """The row that was chosen: the rows it was made from, or its file and its place in raw."""
    st.subheader("Where a row came from", anchor=False)
    row = st.text_input(
        "Row", key="row", bind="query-params", max_chars=2400, placeholder="choose a row in a table to follow it"
    )
    if not row:
        st.caption("A row of a mart is followed to the rows it was made from, and those to what was delivered.")
        return
    if st.session_state.get("rows_before"):
        st.button("Back to the row before", icon=":material/undo:", on_click=_back)
    place, found = PLACE.fullmatch(row), ROW.fullmatch(row)
    try:
        if place:
            _delivered(place["load"], int(place["row"]), place["file"])
        elif found and found["table"] in tables.names():
            _made_from(found["table"], dict(parse_qsl(found["values"], keep_blank_values=True)), row)
        else:
            st.warning(
                "Write the row as _dlt_load_id|_source_row|_source_file, or as table?column=value.",
                icon=":material/info:",
            )
    except (InspectionError, BusyError) as error:
        st.warning(f"{error.message}. (`{error.code}`)", icon=":material/info:")


def _back() -> None:
    *before, row = st.session_state["rows_before"]
    st.session_state.update(row=row, rows_before=before)


def _made_from(name: str, values: dict[str, str], row: str) -> None:
    steps = dictionary.tables()[name].made_from
    if not steps:
        st.warning(f"Rows of {name} cannot be followed.", icon=":material/info:")
        return
    said = ", ".join(f"{column} {value}" for column, value in values.items())
    st.caption(f"The row of {name} with {said} was made from:")
    for number, step in enumerate(steps):
        seen = tables.beneath(name, step, values)
        known = "the first " if seen.is_truncated else ""
        st.caption(f"{known}{seen.table.num_rows:,} rows of {step.table}")
        if seen.table.num_rows:
            # A table of its own for each row: a choice made in another one says nothing here.
            rows(step.table, seen.table, f"step_{number}_{row}")


def _delivered(load: str, row: int, file: str) -> None:
    landed = tables.files(load, file)
    if not landed.num_rows:
        st.warning("No landing brought a file of that name.", icon=":material/info:")
        return
    st.dataframe(
        landed,
        hide_index=True,
        column_config={
            "source": "Source",
            "table_name": "Raw table",
            "uri": st.column_config.TextColumn("Came from", width="large"),
            "lake_key": st.column_config.TextColumn("Kept in the lake as", width="large"),
            "rows": "Rows in it",
            "bytes": "Size (bytes)",
            "landed_at": "Landed at (UTC)",
        },
    )
    for raw in sorted({f"raw.{one}" for one in landed.column("table_name").to_pylist()}):
        if raw not in dictionary.tables():
            continue
        place = [
            Where("_source_file", "=", file), Where("_source_row", "=", str(row)), Where("_dlt_load_id", "=", load),
        ]  # fmt: skip
        seen = tables.rows(raw, place)
        st.caption(f"As it was delivered, in {raw}; rows at place {row:,}: {seen.table.num_rows:,}")
        st.dataframe(seen.table, hide_index=True, placeholder="null", column_config=_headers(raw))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _headers(name: str) -> dict[str, Any]:
    """Names as they are in the table, since people write them in SQL, with the unit and zone."""
    described = dictionary.tables()[name]
    headers: dict[str, Any] = {}
    for one in tables.columns(name):
        unit = described.entry(one.name).unit
        if unit and not one.name.endswith(f"_{unit.lower()}"):
            headers[one.name] = f"{one.name} ({unit})"
        elif one.kind.startswith("timestamp") and not one.name.endswith("_local"):
            headers[one.name] = f"{one.name} (UTC)"
    return headers
