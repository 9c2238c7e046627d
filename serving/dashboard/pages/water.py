"""Water: sensors by window, balances and losses of zones, nights, findings with their evidence, quality."""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.frame import page
from serving.dashboard.parts import water_sensors
from serving.dashboard.parts.water_sensors import LENGTHS, WORDS
from serving.dashboard.queries import water

NEWEST = 28
SEVERITIES = ("critical", "warning", "info")


def _cubic(value: float | None) -> str:
    return "not known" if value is None or pd.isna(value) else f"{value:,.0f}"


def _losses(since: date, until: date, zone: str, names: dict[str, str]) -> None:
    rows = {row["district_id"]: row for row in water.losses(since, until).to_pylist()}
    row = rows.get(zone)
    if row is None:
        st.info(f"No balance of {names[zone]} from {since} to {until}.", icon=":material/inbox:")
        return
    one, two, three, four = st.columns(4)
    one.metric("Input (m³)", _cubic(row["input_m3"]), border=True)
    two.metric("Output (m³)", _cubic(row["output_m3"]), border=True)
    three.metric("Loss (m³)", _cubic(row["loss_m3"]), border=True)
    four.metric("Days known (of days)", f"{row['known_days']:,} of {row['days']:,}", border=True)
    st.caption(
        f"{names[zone]}: days whose input and output are both known; of the others the loss is not known, which is not "
        "none. A zone may know days that the network does not, so that figures of zones need not add up to its."
    )


def _balance(since: date, until: date, zone: str, names: dict[str, str]) -> None:
    st.subheader("Balance")
    _losses(since, until, zone, names)
    window = filters.one("Balance per", "water_balance_per", ("1day", "1hour"), lambda one: WORDS[one])
    first = max(since, until - timedelta(days=water.WINDOWS[window] - 1))
    if first > since:
        st.caption(f"Hours of the last {water.WINDOWS[window]} local days chosen are shown.")
    table = water.balance(first, until, zone, window)
    if table.num_rows == 0:
        return
    rows = charts.frame(table.slice(0, water.POINTS))
    words = {"input_m3": "input", "output_m3": "output", "loss_m3": "loss"}
    long = rows.rename(columns=words).melt(
        ["window_start", "local_date", "unknown_reason", "unknown_meters"], list(words.values()), "kind", "m3"
    )
    steps = dict.fromkeys(words.values(), LENGTHS[window])
    drawn = charts.with_breaks(long, "window_start", "kind", steps)
    drawn["when"] = drawn["window_start"].dt.strftime("%d %b %Y %H:%M UTC")
    drawn["day"] = drawn["local_date"].dt.strftime("%a %d %b %Y")
    kinds = list(words.values())
    per = WORDS[window]
    base = alt.Chart(drawn, title=f"Water in, out and lost per {per}: {names[zone]} (m³)").encode(
        x=alt.X(
            "window_start:T",
            title="Start of the window (UTC)",
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(format="%d %b %H:%M"),
        )
    )
    tips = [
        alt.Tooltip("when:N", title="Start"),
        alt.Tooltip("day:N", title="Local day"),
        alt.Tooltip("kind:N", title="What"),
        alt.Tooltip("m3:Q", title="m³", format=",.1f"),
        alt.Tooltip("unknown_reason:N", title="Why unknown"),
        alt.Tooltip("unknown_meters:N", title="Meters unknown"),
    ]
    lines = base.mark_line(point=alt.OverlayMarkDef(size=12)).encode(
        y=alt.Y("m3:Q", title=f"Volume (m³ per {per})"),
        color=alt.Color("kind:N", title="Volume", scale=charts.colours(kinds), sort=kinds),
        strokeDash=alt.StrokeDash("kind:N", title="Volume", scale=charts.dashes(kinds), sort=kinds),
        tooltip=tips,
    )
    unknown = (
        base.mark_point(shape="cross", color=charts.REST, size=45)
        .encode(y=alt.datum(0), tooltip=tips)
        .transform_filter("datum.kind === 'loss' && datum.unknown_reason !== null && !isValid(datum.m3)")
    )
    missing = rows["loss_m3"].isna()
    reasons = ", ".join(f"{reason} {count}" for reason, count in rows[missing]["unknown_reason"].value_counts().items())
    charts.show(
        (lines + unknown).properties(height=340),
        f"Input, output and loss in m³ per {per}. {int(missing.sum()):,} of {len(rows):,} windows have no loss that is "
        f"known{f' ({reasons})' if reasons else ''}: a grey cross on the base line and a gap, not zero.",
    )
    downloads.table(
        table,
        "water_balance",
        {
            "window_start": headers.instant("Start"),
            "window_end": headers.instant("End"),
            "local_date": headers.day("Local day"),
            "input_m3": headers.number("Input (m³)", 1),
            "output_m3": headers.number("Output (m³)", 1),
            "loss_m3": headers.number("Loss (m³)", 1),
            "efficiency_pct": headers.number("Output of input (%)", 1),
            "unknown_reason": headers.text("Why unknown"),
            "unknown_meters": headers.text("Meters unknown"),
            "meter_count": headers.number("Meters"),
            "known_meter_count": headers.number("Meters known"),
        },
        "No balance.",
        water.POINTS,
    )


def _nights(since: date, until: date, zone: str) -> None:
    st.subheader("Nights")
    table = water.nights(since, until, zone)
    if table.num_rows == 0:
        st.info(f"No night from {since} to {until}.", icon=":material/inbox:")
        return
    rows = charts.frame(table.slice(0, water.POINTS))
    names = sorted(rows["district_id"].unique())
    drawn = charts.on_grid(rows, "local_date", charts.daily_grid(rows, "local_date"), "district_id")
    drawn["day"] = drawn["local_date"].dt.strftime("%a %d %b %Y")
    base = alt.Chart(drawn, title="Least hourly inflow of each night, and what was usual before (L/s)").encode(
        x=alt.X("local_date:T", title="Local day", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%d %b")),
        color=alt.Color("district_id:N", title="Zone", scale=charts.colours(names), sort=names),
        tooltip=[
            alt.Tooltip("day:N", title="Night of"),
            alt.Tooltip("district_id:N", title="Zone"),
            alt.Tooltip("minimum_flow_lps:Q", title="Least (L/s)", format=".2f"),
            alt.Tooltip("usual_flow_lps:Q", title="Usual (L/s)", format=".2f"),
            alt.Tooltip("rise_lps:Q", title="Rise (L/s)", format="+.2f"),
            alt.Tooltip("unknown_reason:N", title="Why unknown"),
        ],
    )
    least = base.mark_line(point=alt.OverlayMarkDef(size=16)).encode(
        y=alt.Y("minimum_flow_lps:Q", title="Inflow (L/s)", scale=alt.Scale(zero=False))
    )
    usual = base.mark_line(strokeDash=[3, 3], opacity=0.7).encode(y="usual_flow_lps:Q")
    unknown = int(rows["minimum_flow_lps"].isna().sum())
    charts.show(
        (least + usual).properties(height=320),
        "Least hourly mean of a zone's inflow in each night, in L/s; dashed, the median of the known nights of the "
        f"four weeks before. {unknown:,} of {len(rows):,} nights are not known, each a gap.",
    )
    downloads.table(
        table,
        "night_flow",
        {
            "local_date": headers.day("Night of (local day)"),
            "district_id": headers.text("Zone"),
            "minimum_flow_lps": headers.number("Least (L/s)", 2),
            "usual_flow_lps": headers.number("Usual (L/s)", 2),
            "deviation_lps": headers.number("Usual deviation (L/s)", 2),
            "rise_lps": headers.number("Rise (L/s)", 2),
            "unknown_reason": headers.text("Why unknown"),
            "input_count": headers.number("Inputs"),
            "complete_input_count": headers.number("Inputs complete"),
            "earlier_night_count": headers.number("Nights before"),
            "hour_count": headers.number("Hours of the night (h)"),
            "starts_at": headers.instant("Start"),
            "ends_at": headers.instant("End"),
        },
        "No night.",
        water.POINTS,
    )


def _anomalies(since: date, until: date, zone: str) -> None:
    st.subheader("Findings")
    left, right = st.columns(2)
    with left:
        kinds = filters.several("Kinds", "water_kinds", water.kinds()["anomaly_type"].to_pylist())
    with right:
        severities = filters.several("Severities", "water_severities", SEVERITIES)
    table = water.anomalies(since, until, zone, kinds, severities)
    if table.num_rows:
        rows = charts.frame(table.slice(0, water.LINES))
        rows["where"] = rows["node_id"].fillna("zone " + rows["district_id"].fillna("unknown"))
        rows["from"] = rows["starts_at"].dt.strftime("%d %b %Y %H:%M UTC")
        rows["to"] = rows["ends_at"].dt.strftime("%d %b %Y %H:%M UTC")
        present = sorted(rows["anomaly_type"].unique())
        base = alt.Chart(rows, title="Findings by node (time, UTC)").encode(
            x=alt.X("starts_at:T", title="Time (UTC)", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%d %b")),
            y=alt.Y("where:N", title=None),
            color=alt.Color("anomaly_type:N", title="Kind", scale=charts.colours(present), sort=present),
            tooltip=[
                alt.Tooltip("anomaly_type:N", title="Kind"),
                alt.Tooltip("severity:N", title="Severity"),
                alt.Tooltip("where:N", title="Node or zone"),
                alt.Tooltip("from:N", title="Start"),
                alt.Tooltip("to:N", title="End"),
                alt.Tooltip("detection_method:N", title="How it was found"),
            ],
        )
        spans = base.mark_bar(height=7, opacity=0.6).encode(x2="ends_at:T")
        # An event of minutes is narrower than a pixel.
        begins = base.mark_point(filled=True, size=55).encode(
            shape=alt.Shape("anomaly_type:N", title="Kind", sort=present)
        )
        charts.show(
            spans + begins,
            f"{len(rows):,} findings that touch {since} to {until}: a mark at the start of each in its node's row, "
            "a bar to its end, by kind.",
        )
    downloads.table(
        table,
        "anomalies",
        {
            "severity": headers.text("Severity"),
            "anomaly_type": headers.text("Kind"),
            "district_id": headers.text("Zone"),
            "node_id": headers.text("Node"),
            "measurement_type": headers.text("Measure"),
            "detection_method": headers.text("How it was found"),
            "actual_value": headers.number("Value (L/s, bar, °C; s of a gap)", 2),
            "expected_value": headers.number("Expected (same unit)", 2),
            "deviation_pct": headers.number("Off by (%)", 1),
            "reading_count": headers.number("Readings or nights"),
            "evidence": headers.text("Evidence (JSON)", "Where the rows stand, and the figures of the finding"),
            "starts_at": headers.instant("Start"),
            "ends_at": headers.instant("End"),
            "anomaly_key": headers.text("Key"),
        },
        "Nothing was found in these days for what is chosen.",
        water.LINES,
    )


def _draw() -> None:
    (known,) = water.known().to_pylist()
    if known["first_day"] is None:
        st.info("No sensor readings are published: the source abbanoa has not landed any.", icon=":material/inbox:")
        return
    names = {water.NETWORK: "Whole network"} | {
        row["district_id"]: " ".join(filter(None, (row["district_id"], row["district_name"])))
        for row in water.zones().to_pylist()
    }
    with st.sidebar:
        since, until = filters.days("Local days", "water_days", known["first_day"], known["last_day"], NEWEST)
        zone = filters.one("Zone", "water_zone", list(names), lambda one: names[one])
        listed = water.nodes(zone).to_pylist()
        nodes = filters.several("Nodes", "water_nodes", [row["node_id"] for row in listed], water.NODES)
    _balance(since, until, zone, names)
    _nights(since, until, zone)
    _anomalies(since, until, zone)
    water_sensors.windows(since, until, listed, nodes)
    water_sensors.quality(since, until, zone)
    water_sensors.nodes_table(zone)


page("Water", _draw)
