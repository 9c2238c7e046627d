"""An answer as a file to take away."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pyarrow as pa
import streamlit as st


def csv(table: pa.Table) -> bytes:
    """UTF-8 with a header line; null is empty, an empty text is ""."""
    from pyarrow.csv import write_csv

    out = BytesIO()
    write_csv(table, out)
    return out.getvalue()


def parquet(table: pa.Table) -> bytes:
    """With the types of the answer."""
    from pyarrow.parquet import write_table

    out = BytesIO()
    write_table(table, out, compression="zstd")
    return out.getvalue()


def offer(name: str, rows: Callable[[], pa.Table], key: str) -> None:
    """Two buttons; `rows` is asked for when one is pressed."""
    with st.container(horizontal=True):
        st.download_button(
            "Download CSV",
            lambda: csv(rows()),
            f"{name}.csv",
            "text/csv",
            key=f"{key}_csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Download Parquet",
            lambda: parquet(rows()),
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            key=f"{key}_parquet",
            on_click="ignore",
            icon=":material/download:",
        )
