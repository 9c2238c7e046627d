"""Answers for the pages: one reader for the process, answers kept until another build is published."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import streamlit as st

from serving.published import Publication, Published, open_published

KEPT = 200
"""Answers that are kept at once; each is bounded by the limit of its query."""


@st.cache_resource
def published() -> Published:
    """The reader of this process. Raises ConfigurationError."""
    return open_published()


def publication() -> Publication:
    """What readers see now. Raises NotPublished or WarehouseError."""
    return published().publication()


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _kept(etag: str, sql: str, parameters: tuple[tuple[str, Any], ...]) -> pa.Table:
    return published().ask(sql, dict(parameters)).table


def ask(sql: str, **parameters: Any) -> pa.Table:
    """The answer of the newest publication. Raises NotPublished, BusyError or WarehouseError."""
    return _kept(publication().etag, sql, tuple(sorted(parameters.items())))
