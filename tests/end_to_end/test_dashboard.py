"""The dashboard on a whole house, on both engines: what its figures say is what was planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from serving.dashboard import reading
from tests.end_to_end.conftest import ROOT, House


@pytest.fixture
def page(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    for name, value in house.warehouse.env.items():
        monkeypatch.setenv(name, value)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield AppTest.from_file(str(ROOT / "serving/dashboard/pages/overview.py"), default_timeout=60).run()
    reading.published().close()
    st.cache_resource.clear()
    st.cache_data.clear()


def test_the_overview_says_what_is_planted(house: House, page: AppTest) -> None:
    assert [list(page.exception), list(page.error)] == [[], []]
    gaps = house.truth["meters"]["gaps"]
    (warning,) = [one.value for one in page.warning]
    assert f"{gaps['count']} gaps in meter reads, {gaps['intervals']:,} half-hours" in warning
    assert "nothing unexplained" in page.success[-1].value
    assert [one.label for one in page.metric] == [
        "kWh metered", "dth scheduled", "m³ into the network", "CAD billed",
    ]  # fmt: skip
    assert "no data" not in [one.value for one in page.metric]
