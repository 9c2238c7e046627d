"""Gas capacity: how full each location is on a gas day, where nothing is left, and what the cycles revised."""

from __future__ import annotations

from datetime import date

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.frame import page
from serving.dashboard.queries import capacity

_DAY = alt.Tooltip("day:N", title="Gas day")
_PLACES = {
    "asset": headers.text("Asset"),
    "location_name": headers.text("Location"),
    "loc": headers.text("Number"),
    "flow_direction": headers.text("Direction"),
    "cycle_name": headers.text("Cycle"),
}


def _days() -> alt.X:
    return alt.X("gas_day:T", title="Gas day", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%d %b"))


def _with_day(rows: pd.DataFrame) -> pd.DataFrame:
    rows["day"] = rows["gas_day"].dt.strftime("%a %d %b %Y")
    return rows


def _by_day(rows: pd.DataFrame) -> None:
    rows["series"] = rows["asset"] + " " + rows["flow_direction"]
    names = sorted(rows["series"].unique())
    drawn = _with_day(charts.on_grid(rows, "gas_day", charts.daily_grid(rows, "gas_day"), "series"))
    lines = (
        alt.Chart(drawn, title="Scheduled quantity per gas day, best cycle posted (dth)")
        .mark_line(point=alt.OverlayMarkDef(size=14))
        .encode(
            x=_days(),
            y=alt.Y("scheduled_quantity_dth:Q", title="Scheduled (dth per gas day)", scale=alt.Scale(zero=False)),
            color=alt.Color("series:N", title="Asset and direction", scale=charts.colours(names), sort=names),
            strokeDash=alt.StrokeDash("series:N", title="Asset and direction", scale=charts.dashes(names), sort=names),
            tooltip=[
                _DAY,
                alt.Tooltip("series:N", title="Asset and direction"),
                alt.Tooltip("scheduled_quantity_dth:Q", title="Scheduled (dth)", format=",.0f"),
                alt.Tooltip("operating_capacity_dth:Q", title="Operating capacity (dth)", format=",.0f"),
                alt.Tooltip("known_locations:Q", title="Locations known"),
                alt.Tooltip("locations:Q", title="Locations"),
            ],
        )
        .properties(height=330)
    )
    unknown = int((rows["locations"] - rows["known_locations"]).sum())
    charts.show(
        lines,
        "Scheduled quantity in dth per gas day, added up over the locations of an asset and direction; the axis need "
        f"not begin at zero. {unknown:,} location days have no quantity and are in no sum; a gas day "
        "not posted is a gap.",
    )


def _utilisation(rows: pd.DataFrame, names: dict[str, str]) -> None:
    if rows.empty:
        st.info("No location of what is chosen was posted in these gas days.", icon=":material/inbox:")
        return
    # By its name of today: a location that was renamed stays one.
    rows["name"] = rows["location_key"].map(names)
    order = list(rows.sort_values("place")["name"].drop_duplicates())
    _with_day(rows)
    base = alt.Chart(rows, title="Scheduled over operating capacity per gas day (%)").encode(
        x=alt.X("utcyearmonthdate(gas_day):O", title="Gas day", axis=alt.Axis(format="%d %b", labelOverlap=True)),
        y=alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelLimit=260)),
        tooltip=[
            _DAY,
            alt.Tooltip("name:N", title="Location"),
            alt.Tooltip("cycle_name:N", title="Cycle"),
            alt.Tooltip("utilisation_ratio:Q", title="Utilisation", format=".1%"),
            alt.Tooltip("scheduled_quantity_dth:Q", title="Scheduled (dth)", format=",.0f"),
            alt.Tooltip("operating_capacity_dth:Q", title="Operating capacity (dth)", format=",.0f"),
            alt.Tooltip("is_constrained:N", title="Constrained"),
        ],
    )
    heat = (
        base.mark_rect()
        .encode(
            color=alt.Color(
                "utilisation_ratio:Q",
                title="Utilisation",
                scale=alt.Scale(domain=[0, 1], clamp=True, range=charts.SHADES),
                legend=alt.Legend(format=".0%"),
            )
        )
        .transform_filter("isValid(datum.utilisation_ratio)")
    )
    marks = (
        base.mark_point(shape="diamond", filled=True, size=35, color=charts.PALETTE[1], opacity=1)
        .encode()
        .transform_filter("datum.is_constrained === true")
    )
    charts.show(
        heat + marks,
        f"The {len(order)} locations that were fullest, of at most {capacity.ROWS}: share of the operating capacity "
        "that is scheduled, 100 % and more in the darkest shade; a diamond is a constrained gas day. Blank: a quantity "
        "is unavailable, the operating capacity is 0, or the day was not posted.",
    )


def _constrained(since: date, until: date, assets: list[str], locations: list[str], directions: list[str]) -> None:
    st.subheader("Constrained locations")
    (row,) = capacity.counts(since, until, assets, locations, directions).to_pylist()
    one, two, three = st.columns(3)
    one.metric("Location days", f"{row['location_days']:,}", border=True)
    two.metric("Constrained (location days)", f"{row['constrained']:,}", border=True)
    three.metric("Not told (location days)", f"{row['unknown']:,}", border=True)
    downloads.table(
        capacity.constrained(since, until, assets, locations, directions),
        "constrained_locations",
        {
            "gas_day": headers.day("Gas day"),
            **_PLACES,
            "zone": headers.text("Zone"),
            "operating_capacity_dth": headers.number("Operating capacity (dth)"),
            "scheduled_quantity_dth": headers.number("Scheduled (dth)"),
            "available_capacity_dth": headers.number("Available (dth)"),
            "utilisation_ratio": st.column_config.NumberColumn("Utilisation (%)", format="percent"),
        },
        "No location of what is chosen is constrained in these gas days.",
        capacity.LINES,
    )


def _best(since: date, until: date, assets: list[str]) -> None:
    st.subheader("Best cycle posted")
    table = capacity.best_cycles(since, until, assets)
    rows = _with_day(charts.frame(table.slice(0, capacity.LINES)))
    if rows.empty:
        st.info("No gas day of what is chosen was posted.", icon=":material/inbox:")
        return
    names = sorted(rows["cycle_name"].unique())
    cells = (
        alt.Chart(rows, title="Best cycle posted per asset and gas day (locations)")
        .mark_bar()
        .encode(
            x=alt.X("utcyearmonthdate(gas_day):T", title="Gas day", axis=alt.Axis(format="%d %b")),
            y=alt.Y("locations:Q", title="Locations"),
            row=alt.Row("asset:N", title=None),
            color=alt.Color("cycle_name:N", title="Cycle", scale=charts.colours(names), sort=names),
            tooltip=[
                _DAY,
                "asset:N",
                alt.Tooltip("cycle_name:N", title="Cycle"),
                alt.Tooltip("locations:Q", title="Locations"),
                alt.Tooltip("known_locations:Q", title="With a quantity"),
            ],
        )
        .properties(height=70, width=800)
    )
    charts.show(
        cells, "Number of locations of each asset and gas day by the cycle that is the best one posted for them."
    )
    downloads.table(
        table,
        "best_cycles",
        {
            "gas_day": headers.day("Gas day"),
            "asset": headers.text("Asset"),
            "cycle_name": headers.text("Best cycle"),
            "locations": headers.number("Locations"),
            "posted_locations": headers.number("Locations posted"),
            "known_locations": headers.number("Locations with a quantity"),
            "scheduled_quantity_dth": headers.number("Scheduled (dth)"),
            "available_capacity_dth": headers.number("Available (dth)"),
        },
        "No gas day.",
        capacity.LINES,
    )


def _revisions(since: date, until: date, assets: list[str], locations: list[str], directions: list[str]) -> None:
    st.subheader("Revisions from cycle to cycle")
    table = capacity.steps(since, until, assets, locations, directions)
    if table.num_rows == 0:
        st.info("No gas day of what is chosen has a second posting yet.", icon=":material/inbox:")
        return
    rows = _with_day(charts.frame(table.slice(0, capacity.POINTS)))
    rows["lowered_dth"] = -rows["decrease_dth"]
    words = {"increase_dth": "raised", "lowered_dth": "lowered"}
    summed = rows.groupby(["gas_day", "day"], as_index=False)[list(words)].sum()
    long = summed.rename(columns=words).melt(["gas_day", "day"], list(words.values()), "kind", "dth")
    bars = (
        alt.Chart(long, title="Scheduled quantity raised and lowered after the first posting (dth)")
        .mark_bar()
        .encode(
            x=alt.X("utcyearmonthdate(gas_day):T", title="Gas day", axis=alt.Axis(format="%d %b")),
            y=alt.Y("dth:Q", title="Revised (dth per gas day)"),
            color=alt.Color("kind:N", title="Revision", scale=charts.colours(["raised", "lowered"])),
            tooltip=[_DAY, "kind:N", alt.Tooltip("dth:Q", title="dth", format=",.0f")],
        )
        .properties(height=270)
    )
    charts.show(
        bars,
        "Per gas day, dth by which the steps from posting to posting raised (above zero) and lowered (below) the "
        "scheduled quantities of the locations chosen.",
    )
    downloads.table(
        table,
        "revision_steps",
        {
            "gas_day": headers.day("Gas day"),
            "asset": headers.text("Asset"),
            "step_number": headers.number("Step"),
            "cycle_id": headers.text("Cycle id"),
            "cycle_name": headers.text("Cycle"),
            "posting_number": headers.number("Posting of the cycle"),
            "is_repost": st.column_config.CheckboxColumn("Re-post"),
            "revised_locations": headers.number("Revised (locations)"),
            "unknown_locations": headers.number("Not comparable (locations)"),
            "increase_dth": headers.number("Raised (dth)"),
            "decrease_dth": headers.number("Lowered (dth)"),
            "scheduled_change_dth": headers.number("Change (dth)"),
        },
        "No step.",
        capacity.POINTS,
    )
    newest = rows[rows["revised_locations"] > 0]["gas_day"].max()
    day = filters.day("Gas day", "capacity_revised_day", since, until, until if pd.isna(newest) else newest.date())
    downloads.table(
        capacity.revisions(day, assets, locations, directions),
        "revisions_of_a_day",
        {
            **_PLACES,
            "step_number": headers.number("Step"),
            "change": headers.text("What happened"),
            "previous_scheduled_quantity_dth": headers.number("Scheduled before (dth)"),
            "scheduled_quantity_dth": headers.number("Scheduled (dth)"),
            "scheduled_change_dth": headers.number("Change (dth)"),
            "is_repost": st.column_config.CheckboxColumn("Re-post"),
            "downloaded_at": headers.instant("Downloaded"),
        },
        f"No scheduled quantity of gas day {day} was revised at the locations chosen.",
        capacity.LINES,
    )


def _draw() -> None:
    spans = capacity.known().to_pylist()
    if not spans:
        st.info("No capacity is published: the source energy_transfer has not landed any.", icon=":material/inbox:")
        return
    every = [row["asset"] for row in spans]
    with st.sidebar:
        since, until = filters.days(
            "Gas days",
            "capacity_days",
            min(row["first_day"] for row in spans),
            max(row["last_day"] for row in spans),
            60,
        )
        assets = filters.several("Assets", "capacity_assets", every) or every
        directions = filters.several(
            "Directions", "capacity_directions", capacity.directions()["flow_direction"].to_pylist()
        )
        names = {
            row["location_key"]: f"{row['location_name']} · {row['asset']} {row['loc']} {row['flow_direction']}"
            for row in capacity.locations(assets).to_pylist()
        }
        locations = filters.several(
            "Locations", "capacity_locations", list(names), words=lambda key: names.get(key, key)
        )
    table = capacity.by_day(since, until, assets, locations, directions)
    if table.num_rows == 0:
        st.info(f"Nothing was posted from {since} to {until} for what is chosen.", icon=":material/inbox:")
        return
    _by_day(charts.frame(table.slice(0, capacity.POINTS)))
    _utilisation(charts.frame(capacity.utilisation(since, until, assets, locations, directions)), names)
    downloads.table(
        table,
        "capacity_days",
        {
            "gas_day": headers.day("Gas day"),
            "asset": headers.text("Asset"),
            "flow_direction": headers.text("Direction"),
            "scheduled_quantity_dth": headers.number("Scheduled (dth)"),
            "operating_capacity_dth": headers.number("Operating capacity (dth)"),
            "available_capacity_dth": headers.number("Available (dth)"),
            "locations": headers.number("Locations"),
            "known_locations": headers.number("Locations with a quantity"),
        },
        "Nothing was posted.",
        capacity.POINTS,
    )
    _constrained(since, until, assets, locations, directions)
    _best(since, until, assets)
    _revisions(since, until, assets, locations, directions)


page("Gas capacity", _draw)
