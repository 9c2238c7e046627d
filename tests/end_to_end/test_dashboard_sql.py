"""The SQL page on a whole house, on both engines."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow.parquet
import pytest
from streamlit.testing.v1 import AppTest

from serving.dashboard.downloads import as_csv, as_parquet
from serving.dashboard.pages import FOLDER
from serving.dashboard.queries import sql as asked
from serving.explorer import asking, parser
from tests.end_to_end.conftest import House
from tests.postgres_server import execute

KWH = "select sum(consumption_kwh) as consumption_kwh from fct_meter_readings"


@pytest.fixture
def page(
    house: House, page_of: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AppTest]]:
    """The SQL page; on PostgreSQL asked as a role that reads what is published and nothing else."""
    if house.engine == "duckdb":
        yield lambda **query: page_of("sql", **query)
        return
    role, password = f"explorer_{secrets.token_hex(4)}", secrets.token_hex(8)
    database = house.warehouse.env["PGDATABASE"]
    for statement in (
        f"create role {role} login password '{password}' connection limit 5",
        f"revoke all on database {database} from public",
        f"grant connect on database {database} to {role}",
        f"grant usage on schema published to {role}",
        f"grant select on all tables in schema published to {role}",
    ):
        house.query(statement)
    monkeypatch.setenv("EXPLORER_PGUSER", role)
    monkeypatch.setenv("EXPLORER_PGPASSWORD", password)
    try:
        yield lambda **query: page_of("sql", **query)
    finally:
        execute(house.warehouse.env, f"drop owned by {role}")
        execute(house.warehouse.env, f"drop role {role}")
        house.query(f"grant connect, temporary on database {database} to public")


def answer(page: AppTest) -> list[dict[str, object]]:
    return list(page.dataframe[0].value.to_dict("records"))


def test_a_question_is_answered_as_the_truth_has_it(house: House, page: Callable[..., AppTest]) -> None:
    shown = page()
    shown.text_area(key="sql").set_value(KWH)
    shown.button(key="run").click().run()
    assert [list(shown.exception), list(shown.error)] == [[], []]
    (row,) = answer(shown)
    assert Decimal(str(row["consumption_kwh"])) == Decimal(house.truth["meters"]["consumption_kwh"])


def test_a_link_fills_the_editor_and_asks_nothing(page: Callable[..., AppTest]) -> None:
    shown = page(sql=KWH)
    assert shown.text_area(key="sql").value == KWH
    assert "Answer" not in [one.value for one in shown.subheader]
    assert asked.past("test@example.com").num_rows == 0
    shown.button(key="run").click().run()
    assert "Answer" in [one.value for one in shown.subheader]


def test_what_is_refused_says_why_and_its_code(page: Callable[..., AppTest]) -> None:
    shown = page(sql="drop table monthly_billing")
    shown.button(key="run").click().run()
    (message,) = [one.value for one in shown.error]
    assert "`QUERY_DENIED`" in message
    assert list(shown.exception) == []
    shown.text_area(key="sql").set_value("select no_such_column from monthly_billing")
    shown.button(key="run").click().run()
    (message,) = [one.value for one in shown.error]
    assert "`QUERY_FAILED`" in message and "no_such_column" in message


def test_raw_is_not_reached_from_here(page: Callable[..., AppTest]) -> None:
    shown = page(sql="select * from raw.utility_billing")
    shown.button(key="run").click().run()
    (message,) = [one.value for one in shown.error]
    assert "is not published" in message


def test_more_rows_than_are_answered_is_said(house: House, page: Callable[..., AppTest]) -> None:
    assert house.truth["meters"]["rows"] > 10_000
    shown = page(sql="select meterpoint_id, starts_at from fct_meter_readings")
    shown.button(key="run").click().run()
    assert [one.value for one in shown.warning] == ["There is more: these are the first 10,000 rows."]
    assert len(answer(shown)) == 1_000


def test_a_plan_is_shown_and_not_carried_out(page: Callable[..., AppTest]) -> None:
    shown = page(sql=KWH)
    shown.button(key="explain").click().run()
    assert list(shown.error) == []
    assert "Plan" in [one.value for one in shown.subheader]
    assert "fct_meter_readings" in shown.code[0].value


def test_what_was_asked_is_listed_newest_first(page: Callable[..., AppTest]) -> None:
    shown = page(sql="select 1 as one")
    shown.button(key="run").click().run()
    shown.text_area(key="sql").set_value("drop table monthly_billing")
    shown.button(key="run").click().run()
    past = asked.past("test@example.com").to_pylist()
    assert [(one["sql"], one["outcome"], one["rows"]) for one in past] == [
        ("drop table monthly_billing", "QUERY_DENIED", None),
        ("select 1 as one", "OK", 1),
    ]
    assert list(shown.dataframe[-1].value["sql"]) == ["drop table monthly_billing", "select 1 as one"]
    assert asked.past("somebody else").num_rows == 0


def test_the_limits_that_are_said_are_those_that_hold() -> None:
    assert (asked.SECONDS, asked.MEGABYTES) == (asking.SECONDS, asking.MAX_BYTES / 1_000_000)
    assert f"LETTERS = {parser.MAX_LETTERS:_}\n" in (FOLDER / "sql.py").read_text(encoding="utf-8")


def test_files_hold_the_answer() -> None:
    table = pyarrow.table({"town": ["WINNIPEG", None, ""], "bills": [1, None, 0]})
    assert as_csv(table) == b'"town","bills"\n"WINNIPEG",1\n,\n"",0\n'
    assert pyarrow.parquet.read_table(pyarrow.BufferReader(as_parquet(table))).equals(table)
