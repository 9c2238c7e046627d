"""A page says in words what it cannot show, and sees a new publication without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from publishing.publish import publish
from serving.dashboard import reading
from tests.conftest import TestWarehouse
from tests.publishing.conftest import made_build

OVERVIEW = Path(__file__).resolve().parents[3] / "serving" / "dashboard" / "pages" / "overview.py"
GENERATION = "select max(generation) as generation, count(*) as rows from monthly_billing"


@pytest.fixture(autouse=True)
def fresh_reader(pointed: TestWarehouse) -> Iterator[None]:
    """The reader of the process belongs to this test's warehouse alone."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    reading.published().close()
    st.cache_resource.clear()
    st.cache_data.clear()


def test_before_the_first_publication_the_page_says_what_to_run() -> None:
    page = AppTest.from_file(str(OVERVIEW), default_timeout=30).run()
    assert [message.value for message in page.info] == [
        "Nothing is published yet. Run `make run`, then reload this page."
    ]
    assert list(page.exception) == []


def test_a_question_that_fails_shows_its_code_and_no_stack_trace(pointed: TestWarehouse) -> None:
    made_build(pointed, 1)
    publish()
    page = AppTest.from_file(str(OVERVIEW), default_timeout=30).run()
    (message,) = [error.value for error in page.error]
    assert "QUERY_FAILED" in message
    assert "select" not in message
    assert list(page.exception) == []


def test_answers_are_kept_until_another_build_is_published(pointed: TestWarehouse) -> None:
    made_build(pointed, 1)
    publish()
    assert reading.ask(GENERATION).to_pylist() == [{"generation": 1, "rows": 400}]
    made_build(pointed, 2, rows=500)
    publish()
    assert reading.ask(GENERATION).to_pylist() == [{"generation": 2, "rows": 500}]
