"""Tables as people take them along: readable headers on the page, exact values and column names in the file."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import streamlit as st

from serving.dashboard.charts import frame

ROWS = 10_000
"""Rows of a table at most; queries ask for one more, so that it is known whether there are."""


def as_csv(table: pa.Table) -> bytes:
    """With a header; an empty cell is null, instants are UTC."""
    out = io.BytesIO()
    pyarrow.csv.write_csv(table, out)
    return out.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    """With the types of the answer."""
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


def table(rows: pa.Table, name: str, columns: Mapping[str, Any], empty: str, limit: int = ROWS) -> None:
    """The rows under readable headers with a button for CSV and for Parquet; `empty` is said where there are none."""
    if rows.num_rows == 0:
        st.info(empty, icon=":material/inbox:")
        return
    shown = rows.slice(0, limit)
    if rows.num_rows > limit:
        st.caption(f"Only the first {limit:,} rows are shown; narrow the filters for the others.")
    st.dataframe(frame(shown), hide_index=True, column_config=dict(columns), column_order=list(shown.column_names))
    offer(name, lambda: shown, name)


def offer(name: str, rows: Callable[[], pa.Table], key: str) -> None:
    """A button for CSV and one for Parquet; `rows` is asked for when one is pressed."""
    with st.container(horizontal=True):
        for label, mime, ending, written in (
            ("CSV", "text/csv", "csv", as_csv),
            ("Parquet", "application/vnd.apache.parquet", "parquet", as_parquet),
        ):
            st.download_button(
                f"Download {label}",
                partial(_written, written, rows),
                f"{name}.{ending}",
                mime,
                key=f"{key}_{ending}",
                icon=":material/download:",
                on_click="ignore",
            )


def _written(kind: Callable[[pa.Table], bytes], rows: Callable[[], pa.Table]) -> bytes:
    return kind(rows())
