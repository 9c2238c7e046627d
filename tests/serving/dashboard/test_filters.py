"""A link names what is chosen; what no filter knows is let go, and no link leads out of what there is."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    from datetime import date

    import streamlit as st

    from serving.dashboard import filters

    first, last = date(2021, 1, 1), date(2021, 3, 31)
    since, until = filters.days("Days", "days", first, last, 31)
    day = filters.day("Day", "day", first, last, date(2026, 1, 1))
    town = filters.one("Town", "town", ("a", "b"), lambda one: one.upper())
    services = filters.several("Services", "services", ["gas", "water", "other"], 2)
    st.text(f"{since} {until} {day} {town} {','.join(services) or 'all'}")


def _said(**query: Any) -> str:
    page = AppTest.from_function(_page)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert list(page.exception) == []
    return str(page.text[0].value)


NOTHING = "2021-03-01 2021-03-31 2021-03-31 a all"


def test_without_a_choice_the_newest_days_and_the_first_option_are_meant() -> None:
    # The default day lies after the last there is.
    assert _said() == NOTHING


def test_a_link_names_days_options_and_their_words() -> None:
    said = _said(days=["2021-01-05", "2021-01-09"], day="2021-02-01", town="B", services=["other", "gas"])
    assert said == "2021-01-05 2021-01-09 2021-02-01 b other,gas"


def test_days_the_wrong_way_round_or_only_one_are_understood() -> None:
    assert _said(days=["2021-01-09", "2021-01-05"]).startswith("2021-01-05 2021-01-09 ")
    assert _said(days=["2021-01-09"]).startswith("2021-01-09 2021-01-09 ")


@pytest.mark.parametrize(
    "query",
    [
        {"days": ["2020-12-31", "2021-01-05"]},
        {"days": ["2021-01-05", "2021-04-01"]},
        {"days": ["soon", "later", "never"]},
        {"days": ""},
        {"day": "2021-02-30"},
        {"day": "1999-01-01"},
        {"town": "c"},
        {"services": ["'; drop table bills --"]},
    ],
)
def test_a_value_that_no_filter_knows_is_let_go(query: dict[str, Any]) -> None:
    assert _said(**query) == NOTHING


def test_no_more_is_chosen_than_may_be() -> None:
    assert _said(services=["gas", "water", "other"]).endswith(" gas,water")
