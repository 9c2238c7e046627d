"""A link to a page leads through app.py, whoever opens it first."""

from __future__ import annotations

import streamlit as st
from streamlit.testing.v1 import AppTest

from serving.dashboard import reading
from serving.dashboard.__main__ import APP, ROOT
from serving.dashboard.pages import FOLDER, TITLES
from tests.conftest import TestWarehouse


def test_no_folder_of_pages_stands_beside_the_script_that_streamlit_runs() -> None:
    # Streamlit would show what lies there without app.py, until any page was drawn in the process.
    assert APP.is_file()
    assert not (APP.parent / "pages").exists()
    assert (ROOT / "pyproject.toml").is_file()


def test_the_script_that_streamlit_runs_shows_the_overview(pointed: TestWarehouse) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    page = AppTest.from_file(str(APP), default_timeout=30).run()
    reading.published().close()
    st.cache_resource.clear()
    assert list(page.exception) == []
    assert [title.value for title in page.title] == ["Overview"]


def test_every_page_has_a_title_and_every_title_a_page() -> None:
    assert next(iter(TITLES)) == "overview"
    assert sorted(TITLES) == sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
