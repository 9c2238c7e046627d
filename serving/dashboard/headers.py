"""Headers of tables that people can read: the label says the unit, and of instants the zone."""

from __future__ import annotations

from typing import Any

import streamlit as st


def text(label: str, words: str | None = None, is_wide: bool = False) -> Any:
    """A column of words."""
    return st.column_config.TextColumn(label, help=words, width="large" if is_wide else None)


def day(label: str, words: str | None = None) -> Any:
    """A column of days."""
    return st.column_config.DatetimeColumn(label, format="YYYY-MM-DD", timezone="UTC", help=words)


def plain_day(label: str) -> Any:
    """A column of days of an Arrow table: a frame has made midnights of them."""
    return st.column_config.DateColumn(label, format="YYYY-MM-DD")


def month(label: str) -> Any:
    """A column of months."""
    return st.column_config.DatetimeColumn(label, format="YYYY-MM", timezone="UTC")


def instant(label: str, words: str | None = None) -> Any:
    """A column of instants; the label says UTC."""
    return st.column_config.DatetimeColumn(f"{label} (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC", help=words)


def number(label: str, places: int = 0, words: str | None = None) -> Any:
    """A column of numbers; the label says the unit."""
    # `localized` groups digits but has no places to choose: it serves whole numbers.
    return st.column_config.NumberColumn(label, format=f"%.{places}f" if places else "localized", help=words)
