"""The sensors' half of the page Water: windows of nodes, how much of what is due came, and the nodes themselves."""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.queries import water

LENGTHS = {
    "5min": pd.Timedelta(minutes=5),
    "1hour": pd.Timedelta(hours=1),
    # The day on which clocks go back.
    "1day": pd.Timedelta(hours=25),
}
WORDS = {"5min": "5 minutes", "1hour": "hour", "1day": "local day"}


def windows(since: date, until: date, listed: list[dict[str, object]], chosen: list[str]) -> None:
    """Volume, flow, pressure and the like of some nodes by window; a line that breaks where nothing was read."""
    st.subheader("Sensors")
    left, right = st.columns(2)
    with left:
        window = filters.one("Window", "water_window", tuple(water.WINDOWS), lambda one: WORDS[one])
    with right:
        measure = filters.one("Measure", "water_measure", tuple(water.MEASURES))
    nodes = chosen or [str(row["node_id"]) for row in listed][: water.NODES]
    first = max(since, until - timedelta(days=water.WINDOWS[window] - 1))
    table = water.windows(first, until, window, nodes)
    if table.num_rows == 0:
        st.info(f"No reading from {first} to {until} of the nodes chosen.", icon=":material/inbox:")
        return
    rows = charts.frame(table.slice(0, water.POINTS))
    column = water.MEASURES[measure]
    # A node that sends every 15 minutes has nothing in two of three windows of 5 minutes: that is no gap.
    steps = {
        str(row["node_id"]): max(
            LENGTHS[window], pd.Timedelta(minutes=float(str(row["expected_interval_minutes"] or 0)))
        )
        for row in listed
    }
    drawn = charts.with_breaks(rows, "window_start", "node_id", steps)
    drawn["when"] = drawn["window_start"].dt.strftime("%d %b %Y %H:%M UTC")
    lines = (
        alt.Chart(drawn, title=f"{measure.split(' (')[0]} by {WORDS[window]} ({measure.split(' (')[1]}")
        .mark_line(point=alt.OverlayMarkDef(size=8), strokeWidth=1.5)
        .encode(
            x=alt.X(
                "window_start:T",
                title="Start of the window (UTC)",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%d %b %H:%M"),
            ),
            y=alt.Y(f"{column}:Q", title=measure, scale=alt.Scale(zero=False)),
            color=alt.Color("node_id:N", title="Node", scale=charts.colours(nodes), sort=nodes),
            strokeDash=alt.StrokeDash("node_id:N", title="Node", scale=charts.dashes(nodes), sort=nodes),
            tooltip=[
                alt.Tooltip("when:N", title="Start"),
                alt.Tooltip("node_id:N", title="Node"),
                alt.Tooltip(f"{column}:Q", title=measure, format=",.3f"),
                alt.Tooltip("reading_count:Q", title="Readings"),
                alt.Tooltip("interpolated_count:Q", title="Filled in by the publisher"),
                alt.Tooltip("anomaly_count:Q", title="Findings"),
            ],
        )
        .properties(height=360)
    )
    filled, readings = int(rows["interpolated_count"].sum()), int(rows["reading_count"].sum())
    charts.show(
        lines,
        f"{measure} of {len(nodes)} nodes per {WORDS[window]} from {first} to {until} (local days); a window "
        f"without a reading, or without this measure, is a gap. {filled:,} of {readings:,} readings were filled in by "
        "the publisher.",
    )
    if first > since:
        st.caption(f"Only the last {water.WINDOWS[window]} local days chosen are shown by {WORDS[window]}.")
    if not chosen and len(listed) > water.NODES:
        st.caption(f"The first {water.NODES} of {len(listed)} nodes are shown; choose others.")
    downloads.table(
        table,
        "sensor_windows",
        {
            "window_start": headers.instant("Start"),
            "window_end": headers.instant("End"),
            "local_date": headers.day("Local day"),
            "node_id": headers.text("Node"),
            "district_id": headers.text("Zone"),
            "reading_count": headers.number("Readings"),
            "expected_reading_count": headers.number("Readings due"),
            **{name: headers.number(words, 2) for words, name in water.MEASURES.items()},
            "interpolated_count": headers.number("Filled in (readings)"),
            "out_of_range_count": headers.number("Out of range (measures)"),
            "reset_count": headers.number("Totaliser resets"),
            "anomaly_count": headers.number("Findings"),
            "covered_s": headers.number("Volume accounts for (s)"),
            "quality_score": headers.number("Quality (0 to 1)", 2),
        },
        "No reading.",
        water.POINTS,
    )


def quality(since: date, until: date, zone: str) -> None:
    """Readings received of those due, a row a node and a column a local day."""
    st.subheader("Quality")
    table = water.quality(since, until, zone)
    if table.num_rows:
        rows = charts.frame(table.slice(0, water.POINTS))
        rows["day"] = rows["local_date"].dt.strftime("%a %d %b %Y")
        heat = (
            alt.Chart(rows, title="Readings received of those due per node and local day (%)")
            .mark_rect()
            .encode(
                x=alt.X(
                    "utcyearmonthdate(local_date):O",
                    title="Local day",
                    axis=alt.Axis(format="%d %b", labelOverlap=True),
                ),
                y=alt.Y("node_id:N", title=None),
                color=alt.Color(
                    "completeness_pct:Q",
                    title="Received (%)",
                    scale=alt.Scale(domain=[0, 100], range=charts.SHADES),
                ),
                tooltip=[
                    alt.Tooltip("day:N", title="Local day"),
                    alt.Tooltip("node_id:N", title="Node"),
                    alt.Tooltip("completeness_pct:Q", title="Received (%)", format=".1f"),
                    alt.Tooltip("quality_band:N", title="Quality"),
                    alt.Tooltip("reading_count:Q", title="Readings"),
                    alt.Tooltip("expected_reading_count:Q", title="Readings due"),
                ],
            )
            .transform_filter("isValid(datum.completeness_pct)")
        )
        bands = rows["quality_band"].value_counts()
        words = ", ".join(f"{bands.get(name, 0):,} {name}" for name in ("high", "acceptable", "low", "none"))
        charts.show(
            heat,
            f"Share of the readings due that came, per node and local day. Quality of {len(rows):,} node days: {words} "
            "(none: a silent day). Blank: how many are due is not known.",
        )
    downloads.table(
        table,
        "data_quality",
        {
            "local_date": headers.day("Local day"),
            "node_id": headers.text("Node"),
            "district_id": headers.text("Zone"),
            "quality_band": headers.text("Quality"),
            "quality_score": headers.number("Quality (0 to 1)", 2),
            "completeness_pct": headers.number("Received (% of those due)", 1),
            "reading_count": headers.number("Readings"),
            "expected_reading_count": headers.number("Readings due"),
            "duplicate_count": headers.number("Duplicates"),
            "restated_count": headers.number("Restated"),
            "rejected_count": headers.number("Rejected"),
            "late_count": headers.number("Late"),
            "out_of_range_count": headers.number("Out of range (measures)"),
            "interpolated_count": headers.number("Filled in by the publisher"),
            "reset_count": headers.number("Totaliser resets"),
        },
        "No node day in these days.",
        water.POINTS,
    )


def nodes_table(zone: str) -> None:
    """The nodes of a zone, as the latest list has them."""
    st.subheader("Nodes")
    downloads.table(
        water.nodes(zone),
        "nodes",
        {
            "node_id": headers.text("Node"),
            "node_name": headers.text("Name"),
            "node_type": headers.text("Meters"),
            "balance_side": headers.text("Side of the balance"),
            "district_id": headers.text("Zone"),
            "district_name": headers.text("Zone's name"),
            "location_name": headers.text("Place"),
            "expected_interval_minutes": headers.number("Interval (min)"),
            "reading_count": headers.number("Readings"),
            "is_listed": st.column_config.CheckboxColumn("In the latest list"),
            "is_active": st.column_config.CheckboxColumn("In use"),
            "installation_date": headers.day("Installed"),
            "last_maintenance_date": headers.day("Maintained"),
            "first_read_at": headers.instant("First reading"),
            "last_read_at": headers.instant("Last reading"),
        },
        "No node of this zone is known.",
        water.LINES,
    )
