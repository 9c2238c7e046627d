"""Small tables and instants of charts, as Overview and Quality show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import streamlit as st

ABSENT = "–"
"""In the place of what is not known: never 0."""


def rows(table: pa.Table, headers: Mapping[str, Any], nothing: str) -> None:
    """The columns that have a header, in that order; `nothing` says it in words when there is no row."""
    if not table.num_rows:
        st.caption(nothing)
        return
    st.dataframe(table, hide_index=True, column_config=dict(headers), column_order=list(headers), placeholder=ABSENT)


def charted(table: pa.Table) -> pa.Table:
    """For charts: instants with their zone, or Vega would take them for the browser's; they and days as text for
    tooltips, as `<name>_said`. Their axes want `scale=alt.Scale(type="utc")`."""
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            said = pc.strftime(table.column(place), "%Y-%m-%d %H:%M")
            zoned = table.column(place).cast(pa.timestamp("us", "UTC"))
            table = table.set_column(place, field.name, zoned).append_column(f"{field.name}_said", said)
        elif pa.types.is_date(field.type):
            table = table.append_column(f"{field.name}_said", pc.strftime(table.column(place), "%Y-%m-%d"))
    return table
