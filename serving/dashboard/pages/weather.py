"""Weather: temperature, rain, snow and degree days per place, and how far the observations carry."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.frame import page
from serving.dashboard.queries import weather

# Places that are drawn at most; the table has all.
DRAWN = 8
NEWEST = 60
_DAY = alt.X("local_date:T", title="Local day", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%d %b"))
_TIP = [alt.Tooltip("name:N", title="Place"), alt.Tooltip("day:N", title="Local day")]


def _names() -> dict[str, str]:
    """Place to name; the id stands beside a name that two places share."""
    rows = weather.places().to_pylist()
    shared = Counter(row["city_name"] for row in rows)
    return {
        row["place"]: f"{row['city_name']} ({row['place']})"
        if row["city_name"] and shared[row["city_name"]] > 1
        else row["city_name"] or row["place"]
        for row in rows
    }


def _small(chart: alt.Chart | alt.LayerChart, title: str) -> alt.FacetChart:
    return chart.properties(width=400, height=150).facet(facet=alt.Facet("name:N", title=None), columns=2, title=title)


def _temperature(rows: pd.DataFrame) -> None:
    base = alt.Chart(rows).encode(x=_DAY)
    tips = [
        *_TIP,
        alt.Tooltip("temperature_min_celsius:Q", title="Least (°C)", format=".1f"),
        alt.Tooltip("temperature_mean_celsius:Q", title="Mean (°C)", format=".1f"),
        alt.Tooltip("temperature_max_celsius:Q", title="Greatest (°C)", format=".1f"),
        alt.Tooltip("observation_count:Q", title="Observations"),
    ]
    band = base.mark_bar(color=charts.PALETTE[0], opacity=0.35, width=5).encode(
        y=alt.Y("temperature_min_celsius:Q", title="Temperature (°C)"), y2="temperature_max_celsius:Q", tooltip=tips
    )
    mean = base.mark_line(color=charts.PALETTE[0], strokeWidth=1.5).encode(y="temperature_mean_celsius:Q")
    points = (
        base.mark_point(color=charts.PALETTE[0], size=22, filled=False)
        .encode(
            y="temperature_mean_celsius:Q",
            shape=alt.Shape(
                "covered:N",
                title="Day",
                scale=alt.Scale(domain=["observed in every hour", "observed in some hours"], range=["circle", "cross"]),
            ),
            tooltip=tips,
        )
        .transform_filter("isValid(datum.temperature_mean_celsius)")
    )
    charts.show(
        _small(band + mean + points, "Temperature per local day: least, mean and greatest observed (°C)"),
        "Per place and local day: a bar from the least to the greatest temperature observed, a line through the means. "
        "A cross is a day of which some hours were not observed: its extremes may have been missed. A day without "
        "observation is a gap.",
        width="content",
    )


def _precipitation(rows: pd.DataFrame) -> None:
    known = rows.dropna(subset=["observation_count"])
    words = {"rain_total_mm": "rain", "snow_total_mm": "snow, as water"}
    long = known.rename(columns=words).melt(["name", "local_date", "day"], list(words.values()), "kind", "mm")
    no_rain, no_snow = int(known["rain_total_mm"].isna().sum()), int(known["snow_total_mm"].isna().sum())
    kinds = list(words.values())
    base = alt.Chart(long).encode(x=_DAY)
    bars = base.mark_bar(width=5).encode(
        y=alt.Y("mm:Q", title="Rain and snow (mm)"),
        color=alt.Color("kind:N", title="Kind", scale=charts.colours(kinds), sort=kinds),
        tooltip=[*_TIP, alt.Tooltip("kind:N", title="Kind"), alt.Tooltip("mm:Q", title="mm", format=".2f")],
    )
    absent = (
        base.mark_point(shape="cross", color=charts.REST, size=20)
        .encode(y=alt.datum(0), tooltip=[*_TIP, alt.Tooltip("kind:N", title="Not known")])
        .transform_filter("!isValid(datum.mm)")
    )
    charts.show(
        _small(bars + absent, "Rain and snow per local day in the hours observed (mm)"),
        "Rain and snow in mm per place and local day, only in the hours that observations speak for. A grey cross on "
        f"the base line: not known, which is not none. Of {len(known):,} days, {no_rain:,} do not know of rain, "
        f"{no_snow:,} do not know of snow.",
        width="content",
    )


def _degree_days(totals: pd.DataFrame) -> None:
    words = {"heating_degree_days": "heating", "cooling_degree_days": "cooling"}
    long = totals.rename(columns=words).melt(["name", "degree_days_known"], list(words.values()), "kind", "kd")
    base_celsius = ", ".join(f"{base:g}" for base in sorted(totals["degree_day_base_celsius"].dropna().unique()))
    bars = (
        alt.Chart(long, title=f"Degree days of the days chosen, base {base_celsius} °C (K d)")
        .mark_bar()
        .encode(
            x=alt.X("kd:Q", title="Degree days (K d)"),
            y=alt.Y("name:N", title="Place"),
            yOffset=alt.YOffset("kind:N", sort=["heating", "cooling"]),
            color=alt.Color(
                "kind:N", title="Kind", scale=charts.colours(["heating", "cooling"]), sort=["heating", "cooling"]
            ),
            tooltip=[
                alt.Tooltip("name:N", title="Place"),
                alt.Tooltip("kind:N", title="Kind"),
                alt.Tooltip("kd:Q", title="K d", format=",.1f"),
                alt.Tooltip("degree_days_known:Q", title="Days known"),
            ],
        )
    )
    charts.show(
        bars,
        "Heating and cooling degree days in K d per place, added up over the days that have a temperature; places with "
        "fewer such days have lower sums.",
    )


def _coverage(rows: pd.DataFrame) -> None:
    heat = (
        alt.Chart(rows.dropna(subset=["coverage_share_ratio"]), title="Hours of the day with an observation (share)")
        .mark_rect()
        .encode(
            x=alt.X(
                "utcyearmonthdate(local_date):O", title="Local day", axis=alt.Axis(format="%d %b", labelOverlap=True)
            ),
            y=alt.Y("name:N", title="Place"),
            color=alt.Color(
                "coverage_share_ratio:Q",
                title="Share of hours",
                scale=alt.Scale(domain=[0, 1], range=charts.SHADES),
                legend=alt.Legend(format=".0%"),
            ),
            tooltip=[
                *_TIP,
                alt.Tooltip("coverage_share_ratio:Q", title="Share of hours", format=".0%"),
                alt.Tooltip("covered_hours:Q", title="Hours with an observation (h)"),
            ],
        )
    )
    days = rows["coverage_share_ratio"].dropna()
    charts.show(
        heat,
        f"Share of a local day's hours in which there is an observation: {int((days < 1).sum()):,} of {len(days):,} "
        f"days are covered partly, all days from {days.min():.0%} to {days.max():.0%}. A blank day has none.",
    )


def _observations(names: dict[str, str], chosen: list[str]) -> None:
    st.subheader("Single observations")
    spans = {row["place"]: row for row in weather.places().to_pylist()}
    left, right = st.columns(2)
    with left:
        place = filters.one("Place", "weather_observed", chosen, lambda one: names[one])
    first, last = spans[place]["first_day"], spans[place]["last_day"]
    with right:
        until = filters.day(f"Last of {weather.DAYS} local days", "weather_observed_until", first, last, last)
    since = until - timedelta(days=weather.DAYS - 1)
    table = weather.observations(since, until, place)
    if table.num_rows == 0:
        st.info(f"No observation of {names[place]} from {since} to {until}.", icon=":material/inbox:")
        return
    rows = charts.frame(table.slice(0, weather.POINTS))
    rows["when"] = rows["observed_at"].dt.strftime("%d %b %Y %H:%M UTC")
    words = {"temperature_celsius": "measured", "feels_like_celsius": "felt"}
    long = rows.rename(columns=words).melt(["observed_at", "when"], list(words.values()), "kind", "celsius")
    points = (
        alt.Chart(long.dropna(subset=["celsius"]), title=f"Temperature observed in {names[place]} (°C)")
        .mark_point(filled=True, size=30)
        .encode(
            x=alt.X(
                "observed_at:T",
                title="Time of observation (UTC)",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%d %b %H:%M"),
            ),
            y=alt.Y("celsius:Q", title="Temperature (°C)", scale=alt.Scale(zero=False)),
            color=alt.Color("kind:N", title="Temperature", scale=charts.colours(list(words.values()))),
            shape=alt.Shape("kind:N", title="Temperature"),
            tooltip=[
                alt.Tooltip("when:N", title="Time"),
                "kind:N",
                alt.Tooltip("celsius:Q", title="°C", format=".1f"),
            ],
        )
    )
    charts.show(
        points, f"Each observation of {names[place]} from {since} to {until}: temperature measured and felt, °C."
    )
    downloads.table(
        table,
        "weather_observations",
        {
            "observed_at": headers.instant("Observed"),
            "observed_at_local": st.column_config.DatetimeColumn(
                "Observed (place's clocks)", format="YYYY-MM-DD HH:mm", timezone="UTC"
            ),
            "temperature_celsius": headers.number("Temperature (°C)", 1),
            "feels_like_celsius": headers.number("Feels like (°C)", 1),
            "humidity_pct": headers.number("Humidity (%)", 0),
            "pressure_hpa": headers.number("Pressure (hPa)", 0),
            "wind_speed_mps": headers.number("Wind (m/s)", 1),
            "wind_gust_mps": headers.number("Gust (m/s)", 1),
            "rain_1h_mm": headers.number("Rain, 1 h (mm)", 2),
            "rain_3h_mm": headers.number("Rain, 3 h (mm)", 2),
            "snow_1h_mm": headers.number("Snow, 1 h (mm)", 2),
            "snow_3h_mm": headers.number("Snow, 3 h (mm)", 2),
            "cloudiness_pct": headers.number("Clouds (%)"),
            "weather_description": headers.text("Conditions"),
        },
        "No observation.",
        weather.POINTS,
    )


def _draw() -> None:
    spans = weather.places().to_pylist()
    if not spans:
        st.info("No weather is published: the source openweather has not landed any.", icon=":material/inbox:")
        return
    names = _names()
    with st.sidebar:
        since, until = filters.days(
            "Local days",
            "weather_days",
            min(row["first_day"] for row in spans),
            max(row["last_day"] for row in spans),
            NEWEST,
        )
        chosen = filters.several("Places", "weather_places", list(names), words=lambda one: names[one]) or list(names)
    table = weather.daily(since, until, chosen)
    if table.num_rows == 0:
        st.info(f"No observation from {since} to {until} at the places chosen.", icon=":material/inbox:")
    else:
        rows = charts.frame(table.slice(0, weather.POINTS))
        rows["name"] = rows["place"].map(names)
        drawn = rows[rows["place"].isin(chosen[:DRAWN])]
        if len(chosen) > DRAWN:
            st.caption(f"The first {DRAWN} of {len(chosen)} places are drawn; choose others. The table has all.")
        drawn = charts.on_grid(drawn, "local_date", charts.daily_grid(rows, "local_date"), "name")
        drawn["day"] = drawn["local_date"].dt.strftime("%a %d %b %Y")
        drawn["covered"] = (drawn["coverage_share_ratio"] < 1).map(
            {True: "observed in some hours", False: "observed in every hour"}
        )
        totals = charts.frame(weather.totals(since, until, chosen))
        totals["name"] = totals["place"].map(names)
        if not drawn.empty:
            _temperature(drawn)
            _precipitation(drawn)
        _degree_days(totals[totals["place"].isin(chosen[:DRAWN])])
        if not drawn.empty:
            _coverage(drawn)
        st.subheader("Days")
        downloads.table(
            table,
            "weather_days",
            {
                "local_date": headers.day("Local day"),
                "place": headers.text("Place"),
                "city_name": headers.text("Name"),
                "temperature_min_celsius": headers.number("Least (°C)", 1),
                "temperature_mean_celsius": headers.number("Mean (°C)", 1),
                "temperature_max_celsius": headers.number("Greatest (°C)", 1),
                "rain_total_mm": headers.number("Rain (mm)", 2),
                "snow_total_mm": headers.number("Snow (mm)", 2),
                "rain_covered_hours": headers.number("Rain known (h)", 1),
                "snow_covered_hours": headers.number("Snow known (h)", 1),
                "heating_degree_days": headers.number("Heating (K d)", 2),
                "cooling_degree_days": headers.number("Cooling (K d)", 2),
                "humidity_mean_pct": headers.number("Humidity (%)", 0),
                "wind_speed_mean_mps": headers.number("Wind (m/s)", 1),
                "wind_gust_max_mps": headers.number("Gust (m/s)", 1),
                "observation_count": headers.number("Observations"),
                "covered_hours": headers.number("Hours observed (h)"),
                "coverage_share_ratio": headers.number("Share of hours (1)", 2),
            },
            "No day.",
            weather.POINTS,
        )
    (lost,) = weather.without_day().to_pylist()
    if lost["observations"]:
        st.caption(f"{lost['observations']:,} observations lack the offset of their clocks and belong to no day here.")
    _observations(names, chosen)


page("Weather", _draw)
