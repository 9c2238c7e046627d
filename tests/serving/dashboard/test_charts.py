"""Charts are read on white and on dark, and what is absent stays absent in them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from serving.dashboard import charts

# Backgrounds of Streamlit's two themes.
LIGHT, DARK = "#ffffff", "#0e1117"


def _luminance(colour: str) -> float:
    # WCAG 2.1, relative luminance.
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*charts.PALETTE, charts.REST])
def test_a_colour_stands_out_on_white_and_on_dark(colour: str) -> None:
    # 3 is what WCAG 2.1 asks of graphics (success criterion 1.4.11).
    assert _contrast(colour, LIGHT) >= 3
    assert _contrast(colour, DARK) >= 3


def test_names_keep_their_colours_and_the_rest_is_grey() -> None:
    scale = charts.colours(["a", charts.OTHERS, "b"]).to_dict()
    assert scale == {"domain": ["a", charts.OTHERS, "b"], "range": [charts.PALETTE[0], charts.REST, charts.PALETTE[1]]}


def test_a_missing_place_is_null_for_each_line_of_its_own() -> None:
    one, two, three = pd.date_range("2021-01-01", periods=3, freq="D", tz="UTC")
    rows = pd.DataFrame({"day": [one, three, two], "line": ["a", "a", "b"], "kwh": [1.0, 0.0, 5.0]})
    drawn = charts.on_grid(rows, "day", charts.daily_grid(rows, "day"), "line")
    found = {(row.line, row.day.day): row.kwh for row in drawn.itertuples() if pd.notna(row.kwh)}
    assert found == {("a", 1): 1.0, ("a", 3): 0.0, ("b", 2): 5.0}
    assert len(drawn) == 6


def test_days_and_instants_are_utc_and_null_is_no_zero() -> None:
    table = pa.table(
        {
            "day": [date(2021, 3, 28), None],
            "at": pa.array([datetime(2021, 3, 28, 1, 30), None], pa.timestamp("us")),  # noqa: DTZ001
            "kwh": pa.array([Decimal("1.250000"), None], pa.decimal128(18, 6)),
        }
    )
    first, second = charts.frame(table).to_dict("records")
    assert first == {
        "day": pd.Timestamp("2021-03-28", tz="UTC"),
        "at": pd.Timestamp("2021-03-28 01:30", tz="UTC"),
        "kwh": 1.25,
    }
    assert all(pd.isna(value) for value in second.values())


def test_a_line_breaks_only_where_a_reading_was_due() -> None:
    at = [
        pd.Timestamp(f"2021-03-09 {time}", tz="UTC") for time in ("12:00", "12:15", "13:00", "12:00", "12:05", "12:15")
    ]
    rows = pd.DataFrame({"at": at, "node": ["slow"] * 3 + ["quick"] * 3, "flow": [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]})
    steps = {"slow": pd.Timedelta(minutes=15), "quick": pd.Timedelta(minutes=5)}
    drawn = charts.with_breaks(rows, "at", "node", steps)
    breaks = drawn[drawn["flow"].isna()]
    assert [(row.node, f"{row.at:%H:%M}") for row in breaks.itertuples()] == [("quick", "12:10"), ("slow", "12:30")]
    assert list(drawn.dropna()["flow"]) == [4.0, 5.0, 0.0, 1.0, 2.0, 3.0]
