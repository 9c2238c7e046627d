"""Consumption: kWh by day and half-hour, what is missing of it, and agreements in force."""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.frame import page
from serving.dashboard.queries import consumption

NEWEST = 90


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.2%}" if whole else "no data"


def _quality(rows: pd.DataFrame) -> None:
    total = rows["consumption_kwh"].sum()
    due, delivered = rows["expected_interval_count"].sum(), rows["interval_count"].sum()
    reads, negative = rows["reading_count"].sum(), rows["negative_reading_count"].sum()
    one, two, three, four = st.columns(4)
    one.metric("kWh metered", f"{total:,.0f}", border=True)
    two.metric("% of kWh unmapped", _share(rows["unmapped_kwh"].sum(), total), border=True)
    three.metric("% missing on days read", _share(due - delivered, due), border=True)
    four.metric("% of reads negative", _share(negative, reads), border=True)
    st.caption(
        f"{delivered:,} of {due:,} half-hours due on days with a read; days without any are under Gaps. Unmapped: "
        f"without an agreement. {negative:,} of {reads:,} reads are negative and part of the totals. Delivered reads "
        "do not say whether they are estimated: none is shown as such, and nothing missing is filled in."
    )


def _daily(rows: pd.DataFrame, by: str, is_chosen: bool) -> None:
    names = list(rows.sort_values("place")["series"].drop_duplicates())
    if is_chosen:
        # The half-hours below have the same lines: each keeps its colour.
        names.sort()
    drawn = charts.on_grid(rows, "local_date", charts.daily_grid(rows, "local_date"), "series")
    drawn["day"] = drawn["local_date"].dt.strftime("%a %d %b %Y")
    drawn["state"] = (drawn["interval_count"] < drawn["expected_interval_count"]).map(
        {True: "some half-hours missing", False: "complete"}
    )
    base = alt.Chart(drawn, title=f"Metered energy per local day by {by} (kWh)").encode(
        x=alt.X("local_date:T", title="Local day", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%d %b %y")),
        y=alt.Y("consumption_kwh:Q", title="Energy (kWh per day)"),
        color=alt.Color("series:N", title=by.capitalize(), scale=charts.colours(names), sort=names),
        tooltip=[
            alt.Tooltip("day:N", title="Local day"),
            alt.Tooltip("series:N", title=by.capitalize()),
            alt.Tooltip("consumption_kwh:Q", title="kWh", format=",.3f"),
            alt.Tooltip("meterpoints:Q", title="Meter points"),
            alt.Tooltip("interval_count:Q", title="Half-hours delivered"),
            alt.Tooltip("expected_interval_count:Q", title="Half-hours due"),
        ],
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash("series:N", title=by.capitalize(), scale=charts.dashes(names), sort=names)
    )
    points = (
        base.mark_point(size=22, filled=True)
        .encode(
            shape=alt.Shape(
                "state:N",
                title="Day",
                scale=alt.Scale(domain=["complete", "some half-hours missing"], range=["circle", "triangle-up"]),
            )
        )
        .transform_filter("isValid(datum.consumption_kwh)")
    )
    charts.show(
        (lines + points).properties(height=400),
        f"Energy in kWh per local day, a line per {by}; a day without a read is a gap in the line, a triangle a day of "
        "which some half-hours are missing. Nothing is scaled up or filled in.",
    )


def _clock_changes(days: pd.DataFrame) -> str:
    other = days[days["half_hours"] != 48]
    return " ".join(f"{row.local_date:%a %d %b %Y} has {row.half_hours} half-hours." for row in other.itertuples())


def _half_hourly(first: date, last: date, products: list[str], regions: list[str], meters: list[str]) -> None:
    st.subheader("Half-hours")
    left, right = st.columns(2)
    with left:
        since = filters.day("First local day", "consumption_half_hours_from", first, last, last - timedelta(days=6))
    with right:
        length = filters.one("Local days shown", "consumption_half_hours_days", (7, 1, 2, consumption.DAYS))
    until = min(since + timedelta(days=length - 1), last)
    shown = meters or products[: consumption.SERIES]
    if len(products) > consumption.SERIES and not meters:
        st.caption(f"Half-hours of the first {consumption.SERIES} products chosen are shown.")
    table = consumption.half_hourly(since, until, products if meters else shown, meters, regions)
    days = charts.frame(consumption.local_days(since, until))
    if table.num_rows == 0 or days.empty:
        st.info(f"No half-hour was delivered from {since} to {until} for what is chosen.", icon=":material/inbox:")
        return
    grid = [
        instant
        for row in days.itertuples()
        for instant in pd.date_range(row.starts_at, periods=int(row.half_hours), freq="30min")
    ]
    rows = charts.on_grid(charts.frame(table.slice(0, consumption.POINTS)), "starts_at", grid, "series")
    names = sorted(rows["series"].unique())
    rows["when"] = rows["starts_at"].dt.strftime("%d %b %Y %H:%M UTC")
    rows["place"] = rows["local_date"].dt.strftime("%a %d %b %Y")
    missing = int(rows["consumption_kwh"].isna().sum())
    lines = (
        alt.Chart(rows, title="Metered energy per half-hour (kWh)")
        .mark_line(point=alt.OverlayMarkDef(size=9))
        .encode(
            x=alt.X(
                "starts_at:T",
                title="Start of the half-hour (UTC)",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%d %b %H:%M"),
            ),
            y=alt.Y("consumption_kwh:Q", title="Energy (kWh per half-hour)"),
            color=alt.Color("series:N", title="Shown", scale=charts.colours(names), sort=names),
            strokeDash=alt.StrokeDash("series:N", title="Shown", scale=charts.dashes(names), sort=names),
            tooltip=[
                alt.Tooltip("when:N", title="Start"),
                alt.Tooltip("place:N", title="Local day"),
                alt.Tooltip("interval_number:Q", title="Half-hour of the local day"),
                alt.Tooltip("series:N", title="Shown"),
                alt.Tooltip("consumption_kwh:Q", title="kWh", format=",.3f"),
                alt.Tooltip("meterpoints:Q", title="Meter points"),
            ],
        )
        .properties(height=360)
    )
    charts.show(
        lines,
        f"Energy in kWh per half-hour by UTC from {since} to {until} (local days): {len(grid):,} half-hours due, "
        f"{missing:,} of them missing in the lines shown, each a gap. {_clock_changes(days)}".strip(),
    )
    if table.num_rows > consumption.POINTS:
        st.caption(f"Only the first {consumption.POINTS:,} points are drawn: choose fewer days or lines.")
    (off,) = consumption.off_grid(since, until).to_pylist()
    if off["intervals"]:
        st.caption(f"{off['intervals']:,} intervals off the half-hour grid ({off['consumption_kwh']:,} kWh) not drawn.")
    if not shown:
        st.caption("All meter points of all regions together. Choose products or meter points to see theirs.")
    downloads.table(
        table,
        "half_hourly",
        {
            "starts_at": headers.instant("Start"),
            "local_date": headers.day("Local day"),
            "interval_number": headers.number("Half-hour of the local day"),
            "series": headers.text("Shown"),
            "consumption_kwh": headers.number("Energy (kWh)", 3),
            "meterpoints": headers.number("Meter points"),
        },
        "No half-hour was delivered.",
        consumption.POINTS,
    )


def _gaps(since: date, until: date, regions: list[str], meters: list[str]) -> None:
    st.subheader("Gaps")
    found = consumption.gaps(since, until, regions, meters)
    missing = sum(found.slice(0, 1000)["missing_interval_count"].to_pylist())
    st.caption(
        f"{min(found.num_rows, 1000):,} runs of half-hours without a read touch {since} to {until}: "
        f"{missing:,} half-hours."
    )
    downloads.table(
        found,
        "interval_gaps",
        {
            "meterpoint_id": headers.text("Meter point"),
            "region": headers.text("Region"),
            "missing_interval_count": headers.number("Missing (half-hours)"),
            "first_local_date": headers.day("First local day"),
            "last_local_date": headers.day("Last local day"),
            "starts_at": headers.instant("Start"),
            "ends_at": headers.instant("End"),
        },
        "No half-hour is missing in these days.",
        1000,
    )


def _agreements() -> None:
    st.subheader("Agreements")
    (row,) = consumption.reference().to_pylist()
    if row["first_day"] is None:
        st.info("No agreement that reads can match was delivered.", icon=":material/inbox:")
        return
    reference = row["reference_date"] or row["last_day"]
    on = filters.day(
        "Reference date", "consumption_reference", row["first_day"], max(row["last_day"], reference), reference
    )
    by_product = consumption.agreements(on)
    total = sum(by_product["agreements"].to_pylist())
    st.metric(f"Agreements in force on {on}", f"{total:,}")
    st.caption(
        "From the first day, included, to the last, excluded. "
        + (f"The build was asked about {row['reference_date']}." if row["reference_date"] else "")
    )
    left, right = st.columns(2)
    with left:
        if total:
            bars = (
                alt.Chart(charts.frame(by_product.slice(0, 30)), title="Agreements in force by product (number)")
                .mark_bar(color=charts.PALETTE[0])
                .encode(
                    x=alt.X("agreements:Q", title="Agreements (number)", axis=alt.Axis(tickMinStep=1)),
                    y=alt.Y("product:N", title="Product", sort="-x"),
                    tooltip=["product:N", alt.Tooltip("agreements:Q", title="Agreements")],
                )
            )
            charts.show(bars, f"Number of agreements in force on {on} per product; at most 30 products are drawn.")
        else:
            st.info(f"No agreement is in force on {on}.", icon=":material/inbox:")
    with right:
        changes = charts.frame(consumption.activations(on))
        if changes.empty:
            st.info(f"No agreement started before {on}.", icon=":material/inbox:")
        else:
            long = changes.melt("month", ["started", "ended"], "change", "agreements")
            drawn = (
                alt.Chart(long, title="Agreements started, ended per month (number)")
                .mark_bar()
                .encode(
                    x=alt.X("utcyearmonth(month):T", title="Month", axis=alt.Axis(format="%b %y")),
                    y=alt.Y("agreements:Q", title="Number", axis=alt.Axis(tickMinStep=1)),
                    row=alt.Row("change:N", title=None, sort=["started", "ended"]),
                    color=alt.Color("change:N", scale=charts.colours(["started", "ended"]), legend=None),
                    tooltip=[
                        alt.Tooltip("utcyearmonth(month):T", title="Month", format="%b %Y"),
                        "change:N",
                        alt.Tooltip("agreements:Q", title="Agreements"),
                    ],
                )
                .properties(height=110)
            )
            charts.show(drawn, f"Number of agreements that started, and that ended, in each month up to {on}.")
    downloads.table(
        by_product,
        "agreements_in_force",
        {
            "product": headers.text("Product"),
            "agreements": headers.number("Agreements in force (number)"),
            "meterpoints": headers.number("Meter points (number)"),
        },
        "No agreement is in force on that day.",
        1000,
    )


def _draw() -> None:
    (known,) = consumption.known().to_pylist()
    first, last = known["first_day"], known["last_day"]
    if first is None:
        st.info("No meter reads are published: the source smart_meters has not landed any.", icon=":material/inbox:")
        return
    with st.sidebar:
        since, until = filters.days("Local days", "consumption_days", first, last, NEWEST)
        by = filters.one("A line per", "consumption_by", consumption.BY)
        products = filters.several("Products", "consumption_products", consumption.products()["product"].to_pylist())
        regions = filters.several("Regions", "consumption_regions", consumption.regions()["region"].to_pylist())
        offered = consumption.meterpoints(regions)["meterpoint_id"].to_pylist()
        meters = filters.several(
            "Meter points", "consumption_meters", offered[: consumption.OFFERED], consumption.SERIES
        )
        if len(offered) > consumption.OFFERED:
            st.caption(f"The first {consumption.OFFERED:,} meter points can be chosen; choose regions for others.")
    table = consumption.daily(since, until, by, products, regions, meters)
    st.subheader("Days")
    if table.num_rows == 0:
        st.info(f"No read from {since} to {until} for what is chosen.", icon=":material/inbox:")
    else:
        rows = charts.frame(table.slice(0, consumption.POINTS))
        _quality(rows)
        _daily(rows, by, bool(meters if by == "meter point" else products))
        downloads.table(
            table.drop_columns(["place"]),
            "daily_consumption",
            {
                "local_date": headers.day("Local day"),
                "series": headers.text(by.capitalize()),
                "consumption_kwh": headers.number("Energy (kWh)", 3),
                "unmapped_kwh": headers.number("Without an agreement (kWh)", 3),
                "meterpoints": headers.number("Meter points with a read"),
                "complete_meterpoints": headers.number("Meter points, complete"),
                "reading_count": headers.number("Reads"),
                "interval_count": headers.number("Half-hours delivered"),
                "expected_interval_count": headers.number("Half-hours due"),
                "negative_reading_count": headers.number("Negative reads"),
            },
            "No read.",
            consumption.POINTS,
        )
    _half_hourly(first, last, products, regions, meters)
    _gaps(since, until, regions, meters)
    _agreements()


page("Consumption", _draw)
