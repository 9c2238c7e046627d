"""Pages of the dashboard on a house of the tests, opened by a link as a person opens them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from serving.dashboard import reading
from tests.end_to_end.conftest import ROOT, House


def reader(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The reader of the process belongs to this house alone."""
    for name, value in house.warehouse.env.items():
        monkeypatch.setenv(name, value)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield house
    reading.published().close()
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(name: str, **query: Any) -> AppTest:
    """The page as a link with that query shows it; nothing may have failed."""
    page = AppTest.from_file(str(ROOT / f"serving/dashboard/pages/{name}.py"), default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert [[error.message for error in page.exception], [error.value for error in page.error]] == [[], []]
    return page


def truth(house: House, name: str) -> list[dict[str, str]]:
    """Rows of `truth_<name>.csv` of the world."""
    with (house.world / f"truth_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def shown(page: AppTest, column: str) -> pd.DataFrame:
    """The first table of the page that has the column."""
    return next(table.value for table in page.dataframe if column in table.value.columns)


def charts(page: AppTest) -> list[tuple[dict[str, Any], list[pd.DataFrame]]]:
    """Specification and rows of each chart in order."""
    found = []
    for element in page.get("vega_lite_chart"):
        rows = [pa.ipc.open_stream(io.BytesIO(one.data.data)).read_all().to_pandas() for one in element.proto.datasets]
        found.append((json.loads(element.proto.spec), rows))
    return found


def drawn(page: AppTest, *columns: str) -> pd.DataFrame:
    """Rows of the first chart that has these columns."""
    return next(rows for _, tables in charts(page) for rows in tables if set(columns) <= set(rows.columns))


def untitled(page: AppTest) -> list[Any]:
    """Charts without words for those who cannot see them, without a title, or with an axis that says nothing."""
    return [
        specification
        for element, (specification, _) in zip(page.get("vega_lite_chart"), charts(page), strict=True)
        if not element.proto.alt or '"title"' not in json.dumps(specification)
    ]
