"""How charts look, once for all pages: colours, titles with units, words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa
import streamlit as st

PALETTE = ("#1b7fc4", "#c7780a", "#0a8f6a", "#d55e00", "#c2639a", "#7e6bc4", "#8a8420", "#3a8fa8")
"""After Okabe and Ito, who tell colours apart without red and green; each stands out on white and on dark."""
REST = "#808080"
"""For what is left over after the named ones."""
OTHERS = "all others"
SHADES = ["#c3d9ec", "#8fbadd", "#5a9acb", "#2f77b4", "#2a5e96"]
"""From little to much: neither end is the background of a theme, so that none looks like nothing."""
DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4], [10, 3], [1, 3], [6, 2, 1, 2])


def colours(names: Sequence[str]) -> alt.Scale:
    """A colour for each name, in their order; `all others` is grey."""
    own = [name for name in names if name != OTHERS]
    chosen = dict(zip(own, (PALETTE[place % len(PALETTE)] for place in range(len(own))), strict=True))
    return alt.Scale(domain=list(names), range=[chosen.get(name, REST) for name in names])


def dashes(names: Sequence[str]) -> alt.Scale:
    """A stroke for each name as well, for those whom colours do not help."""
    return alt.Scale(domain=list(names), range=[DASHES[place % len(DASHES)] for place in range(len(names))])


def frame(table: pa.Table) -> pd.DataFrame:
    """The rows for drawing: exact numbers as floats, days and instants as UTC, so that no browser shifts them."""
    fields = []
    for field in table.schema:
        kind = field.type
        if pa.types.is_decimal(kind):
            kind = pa.float64()
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            kind = pa.timestamp("us", tz="UTC")
        fields.append(pa.field(field.name, kind))
    return table.cast(pa.schema(fields)).to_pandas()


def on_grid(rows: pd.DataFrame, key: str, grid: Iterable[Any], by: str) -> pd.DataFrame:
    """One row per place of `grid` and value of `by`: where there is none, its figures are null, and lines break."""
    places = pd.DataFrame({key: pd.DatetimeIndex(list(grid)).as_unit("us")})
    names = pd.DataFrame({by: list(dict.fromkeys(rows[by]))})
    return names.merge(places, how="cross").merge(rows, on=[by, key], how="left")


def daily_grid(rows: pd.DataFrame, key: str) -> pd.DatetimeIndex:
    """Every day from the first to the last of `rows`."""
    return pd.date_range(rows[key].min(), rows[key].max(), freq="D")


def show(chart: Any, words: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """The chart over the width of its place, or of its own; `words` say what it shows, to screen readers too."""
    # Beside the chart a legend takes its width, and in a row of small ones it is cut off.
    st.altair_chart(chart.configure_legend(orient="top", labelLimit=220), alt=words, width=width)
    st.caption(words)


def with_breaks(rows: pd.DataFrame, key: str, by: str, steps: Mapping[str, pd.Timedelta]) -> pd.DataFrame:
    """`rows` and, where the next one of the same `by` is further than its step, one without figures: lines break."""
    ordered = rows.sort_values([by, key])
    after = ordered.groupby(by)[key].shift(-1)
    last = ordered[(after - ordered[key]) > ordered[by].map(steps)]
    breaks = pd.DataFrame({by: last[by], key: last[key] + last[by].map(steps)})
    return pd.concat([ordered, breaks], ignore_index=True).sort_values([by, key], ignore_index=True)
