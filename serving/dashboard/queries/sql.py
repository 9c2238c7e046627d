"""What the SQL page shows beside the answer: the tables there are, and what was asked before."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from serving.dashboard.reading import publication, published
from serving.explorer import history

SECONDS = 10.0
MEGABYTES = 64
"""The explorer's own limits (`serving/explorer/asking.py`), which are costly to import; a test compares them."""
_PAST = pa.schema(
    {
        "asked_at": pa.timestamp("ms"),
        "kind": pa.string(),
        "sql": pa.string(),
        "outcome": pa.string(),
        "rows": pa.int64(),
        "milliseconds": pa.int64(),
    }
)


def columns() -> pa.Table:
    """One row per column of a published table, in order. Raises NotPublished, BusyError or WarehouseError."""
    return _columns(publication().etag)


@st.cache_data(max_entries=2, show_spinner=False)
def _columns(etag: str) -> pa.Table:
    rows = [
        {"table_name": table, "column_name": column.name, "type": column.kind, "description": column.description}
        for table, found in published().tables().items()
        for column in found
    ]
    kinds = {"table_name": pa.string(), "column_name": pa.string(), "type": pa.string(), "description": pa.string()}
    return pa.Table.from_pylist(rows, pa.schema(kinds))


def past(who: str) -> pa.Table:
    """The last 100 questions of that person, newest first; `asked_at` is UTC."""
    return pa.Table.from_pylist(
        [{name: getattr(one, name) for name in _PAST.names} for one in history(who, 100)], _PAST
    )
