"""How figures look in tables and charts, the same on every page: readable headers with unit and zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import streamlit as st

ABSENT = "–"
"""In the place of what is not known: never 0."""


def number(label: str, places: int | None = None) -> Any:
    """A header of numbers; the label says their unit."""
    return st.column_config.NumberColumn(label, format="localized" if places is None else f"%.{places}f")


def instant(label: str) -> Any:
    """A header of UTC instants."""
    return st.column_config.DatetimeColumn(f"{label} (UTC)", format="YYYY-MM-DD HH:mm")


def day(label: str) -> Any:
    return st.column_config.DateColumn(label, format="YYYY-MM-DD")


def text(label: str, is_wide: bool = False) -> Any:
    return st.column_config.TextColumn(label, width="large" if is_wide else None)


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
