"""Filters of the pages. Streamlit keeps each in the address under its key, so that a link restores what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def days(label: str, key: str, first: date, last: date, newest: int | None = None) -> tuple[date, date]:
    """First and last day chosen, both included, within what there is; at the start all, or the `newest` days."""
    since = first if newest is None else max(first, last - timedelta(days=newest - 1))
    chosen = st.date_input(label, (since, last), min_value=first, max_value=last, key=key, bind="query-params")
    # One day while the second is not picked yet; an address may name them the wrong way round.
    picked = sorted(chosen) if isinstance(chosen, tuple) else [chosen]
    return (picked[0], picked[-1]) if picked else (since, last)


def day(label: str, key: str, first: date, last: date, default: date) -> date:
    """A day within what there is."""
    start = min(max(default, first), last)
    chosen = st.date_input(label, start, min_value=first, max_value=last, key=key, bind="query-params")
    return chosen if isinstance(chosen, date) else start


def one(label: str, key: str, options: Sequence[T], words: Callable[[Any], str] = str) -> T:
    """One of `options`, the first at the start."""
    chosen = st.selectbox(label, options, key=key, bind="query-params", format_func=words)
    return options[0] if chosen is None else chosen


def several(
    label: str, key: str, options: Sequence[str], at_most: int | None = None, words: Callable[[Any], str] = str
) -> list[str]:
    """Any number of `options`; none means all."""
    return st.multiselect(
        label, options, key=key, bind="query-params", placeholder="all", max_selections=at_most, format_func=words
    )
