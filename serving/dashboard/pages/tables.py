"""Tables: any two tables of any layer beside each other, what their columns mean, and where a row came from."""

from __future__ import annotations

import re

import streamlit as st

from ingestion.errors import BusyError
from serving import dictionary
from serving.dashboard import downloads
from serving.dashboard.frame import page
from serving.dashboard.parts import origin
from serving.dashboard.queries import tables
from serving.inspection import OPERATORS, InspectionError, Where

FIRST = "marts.monthly_billing"
CLASSES = {"masked": "a person's: masked", "direct": "a person's", "quasi": "may tell of a person", "none": "no"}


def _refuse_unknown(parameter: str, known: list[str]) -> None:
    """Says that the address names what is not there; the widget forgets it without a word."""
    named = st.query_params.get(parameter)
    if named and named not in known:
        said = f"`{named}`" if re.fullmatch(r"[\w.]{1,100}", named) else "What the address names"
        st.warning(f"{said} is no {parameter.split('_')[-1]} that can be shown here.", icon=":material/link_off:")


def _filter(prefix: str, name: str) -> list[Where]:
    described = dictionary.tables()[name]
    searchable = [one.name for one in tables.columns(name) if not described.is_masked(one.name)]
    _refuse_unknown(f"{prefix}_column", searchable)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Rows where", searchable, index=None, placeholder="all rows", key=f"{prefix}_column", bind="query-params"
        )
        operator = st.selectbox("is", OPERATORS, key=f"{prefix}_op", bind="query-params", disabled=column is None)
        value = st.text_input(
            "value",
            key=f"{prefix}_value",
            bind="query-params",
            max_chars=200,
            disabled=column is None or operator == "is empty",
        )
    if column is None or (not value and operator != "is empty"):
        return []
    return [Where(column, operator, value or "")]


def _dictionary(name: str) -> None:
    with st.expander("Columns and what they mean", icon=":material/menu_book:"):
        found = tables.meanings(name).to_pylist()
        st.dataframe(
            [
                {
                    "Column": one["column"],
                    "Type": one["type"],
                    "Unit": one["unit"] or "",
                    "Personal": CLASSES.get(one["pii"], ""),
                    "Means": one["means"] or "",
                }
                for one in found
            ],
            hide_index=True,
            column_config={"Means": st.column_config.TextColumn(width="large")},
        )


def _panel(prefix: str, name: str) -> None:
    described = dictionary.tables()[name]
    st.subheader(name, anchor=False)
    if described.description:
        st.caption(described.description)
    try:
        if not tables.columns(name):
            st.info("This table has not been made yet: run `make build`.", icon=":material/inbox:")
            return
        _dictionary(name)
        where = _filter(prefix, name)
        seen = tables.rows(name, where)
        count = seen.table.num_rows
        known = f"The first {count:,} rows; there are more" if seen.is_truncated else f"{count:,} rows"
        masked = [one.name for one in tables.columns(name) if described.is_masked(one.name)]
        said = f" Masked: {', '.join(f'`{one}`' for one in masked)}." if masked else ""
        st.caption(f"{known}, in no particular order.{said}")
        origin.rows(name, seen.table, f"{prefix}_rows")
        if count:
            downloads.offer(name, lambda: tables.taken(name, where), f"{prefix}_download")
            if seen.is_truncated:
                st.caption(f"The files hold at most {tables.TAKEN:,} rows.")
    except (InspectionError, BusyError) as error:
        # Both were made for the person who asked.
        st.warning(f"{name}: {error.message}. (`{error.code}`)", icon=":material/info:")


def _draw() -> None:
    names = tables.names()
    _refuse_unknown("table", names)
    _refuse_unknown("beside", names)
    left, right = st.columns(2)
    with left:
        one = st.selectbox("Table", names, index=names.index(FIRST), key="table", bind="query-params")
    with right:
        other = st.selectbox("Beside it", names, index=None, placeholder="nothing", key="beside", bind="query-params")
    if other is None:
        _panel("table", one)
    else:
        for place, prefix, name in zip(st.columns(2), ("table", "beside"), (one, other), strict=True):
            with place:
                _panel(prefix, name)
    origin.trace()


page("Tables", _draw)
