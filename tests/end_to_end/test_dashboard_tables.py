"""The page Tables and the reader behind it on a whole house, on both engines."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from ingestion import registry
from serving import dictionary, inspection
from serving.dashboard.queries import tables
from serving.inspection import InspectionError, Where
from tests.end_to_end.conftest import House
from tests.postgres_server import execute

PAYLOADS = (
    "' or '1'='1",
    "' or 1=1 --",
    "x'; drop table raw.meterpoints; --",
    "'; delete from raw.meterpoints; select '",
    "$value_a",
    "%(value_a)s",
    "%s %% \\",
    '" or ""="',
    "London' union select original from raw.pseudonyms --",
)
PERSONAL = ("account_number", "customer_name", "ssc_number", "customer_information", "service_address", "meter_number")


@pytest.fixture
def page(page_of: Callable[..., AppTest]) -> Callable[..., AppTest]:
    return lambda **query: page_of("tables", **query)


def cells(page: AppTest) -> list[str]:
    """Every cell of every table that the page shows."""
    return [str(cell) for shown in page.dataframe for row in shown.value.to_numpy() for cell in row]


def said(page: AppTest) -> str:
    return " ".join(one.value for kind in (page.warning, page.error, page.info, page.caption) for one in kind)


@pytest.mark.parametrize("layer", inspection.LAYERS)
def test_no_page_shows_a_value_of_a_person(house: House, page: Callable[..., AppTest], layer: str) -> None:
    originals = {value for column in PERSONAL for (value,) in house.query(f"select {column} from raw.utility_billing")}
    originals |= {value for (value,) in house.query("select account_id from raw.agreements")}
    originals |= {value for (value,) in house.query("select original from raw.pseudonyms")}
    telling = [value for value in originals if value and len(value) >= 6]
    assert len(telling) > 100
    looked_at = 0
    for name, described in dictionary.tables().items():
        if described.layer != layer:
            continue
        shown = page(table=name)
        assert list(shown.exception) == [], name
        text = "\n".join([*cells(shown), said(shown)])
        assert [value for value in telling if value in text] == [], name
        looked_at += len(shown.dataframe)
    assert looked_at > 10


def test_what_names_a_person_is_masked_and_the_rest_is_shown(house: House, page: Callable[..., AppTest]) -> None:
    shown = page(table="raw.utility_billing").dataframe[1].value
    assert len(shown) == len(house.query("select _id from raw.utility_billing"))
    for column in PERSONAL:
        assert set(shown[column]) == {"masked"}
    assert set(shown["_id"]) == {value for (value,) in house.query("select _id from raw.utility_billing")}
    staged = page(table="staging.stg_smart_meters__agreements").dataframe[1].value
    assert set(staged["account_id"]) == {"masked"}


def test_a_raw_column_that_nobody_declared_is_masked() -> None:
    described = dictionary.tables()["raw.utility_billing"]
    assert described.is_masked("fax_number")
    assert not described.is_masked("town")


def test_the_pseudonyms_are_shown_in_no_layer(page: Callable[..., AppTest]) -> None:
    shown = page()
    assert [name for name in shown.selectbox(key="table").options if "pseudonym" in name] == []
    for name in ("raw.pseudonyms", "staging.stg_landing__pseudonyms", "intermediate.int_pseudonyms"):
        with pytest.raises(InspectionError, match="NO_SUCH_TABLE"):
            inspection.rows(name, [], 1)


def test_every_raw_table_of_every_source_can_be_looked_at(page: Callable[..., AppTest]) -> None:
    options = page().selectbox(key="table").options
    assert {f"raw.{table.name}" for source in registry.sources() for table in source.tables} <= set(options)
    assert {"staging.stg_openweather__observations", "marts.network_efficiency", "ledger.conservation"} <= set(options)


def test_a_filter_finds_what_was_planted(house: House, page: Callable[..., AppTest]) -> None:
    regions = house.truth["meters"]["meterpoints"]["by_region"]
    shown = page(table="raw.meterpoints", table_column="region", table_op="=", table_value="London")
    assert len(shown.dataframe[1].value) == regions["London"]
    shown = page(table="raw.meterpoints", table_column="region", table_op="contains", table_value="MIDLANDS")
    assert len(shown.dataframe[1].value) == sum(count for region, count in regions.items() if "Midlands" in region)
    zero = page(
        table="staging.stg_smart_meters__meter_readings",
        table_column="consumption_kwh",
        table_op="<",
        table_value="0.0005",
    )
    count = len(zero.dataframe[1].value)
    assert count == min(house.truth["meters"]["zero_rows"], tables.SHOWN)


def test_two_tables_stand_beside_each_other(page: Callable[..., AppTest]) -> None:
    shown = page(table="raw.products", beside="marts.dim_products")
    assert [one.value for one in shown.subheader] == ["raw.products", "marts.dim_products", "Where a row came from"]
    assert len(shown.dataframe[1].value) == len(shown.dataframe[3].value)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_value_is_a_value_and_no_sql(house: House, page: Callable[..., AppTest], payload: str) -> None:
    before = house.query("select count(*) from raw.meterpoints")
    for operator in ("=", "contains"):
        shown = page(table="raw.meterpoints", table_column="region", table_op=operator, table_value=payload)
        assert [list(shown.exception), list(shown.error)] == [[], []]
        assert len(shown.dataframe[1].value) == 0
    shown = page(table="marts.dim_meterpoints", table_column="region", table_op="=", table_value=payload)
    assert len(shown.dataframe[1].value) == 0
    shown = page(
        table="staging.stg_winnipeg_billing__bills",
        table_column="amount_due_cad",
        table_op=">",
        table_value=payload,
    )
    assert "amount_due_cad is a number: write it as 12.5" in said(shown)
    assert house.query("select count(*) from raw.meterpoints") == before


@pytest.mark.parametrize("name", ["raw.pseudonyms", "raw._landing_lock", "pg_catalog.pg_authid", "raw.x; drop table y"])
def test_a_table_that_is_not_in_the_catalogue_is_refused_in_words(page: Callable[..., AppTest], name: str) -> None:
    shown = page(table=name)
    assert [list(shown.exception), list(shown.error)] == [[], []]
    assert "is no table that can be shown here" in said(shown)
    assert shown.selectbox(key="table").value == "marts.monthly_billing"


@pytest.mark.parametrize("column", ["customer_name", "no_such", '"; select 1'])
def test_a_column_that_cannot_be_searched_is_refused_in_words(page: Callable[..., AppTest], column: str) -> None:
    shown = page(table="raw.utility_billing", table_column=column, table_op="contains", table_value="a")
    assert list(shown.exception) == []
    assert "is no column that can be shown here" in said(shown)
    with pytest.raises(InspectionError, match="NO_SUCH_COLUMN"):
        inspection.rows("raw.utility_billing", [Where(column, "contains", "a")], 1)


def test_an_operator_from_nowhere_is_refused(page: Callable[..., AppTest]) -> None:
    assert list(page(table="raw.products", table_column="id", table_op="or", table_value="1").exception) == []
    with pytest.raises(InspectionError, match="FILTER_VALUE"):
        inspection.rows("raw.products", [Where("id", "or 1=1 or id =", "1")], 1)


def test_a_bill_is_followed_to_its_place_in_the_delivered_file(house: House, page: Callable[..., AppTest]) -> None:
    ((bill, load, row, file),) = house.ask(
        "select bill_id, _dlt_load_id, _source_row, _source_file from {marts}.fct_utility_bills "
        "order by bill_id limit 1"
    )
    shown = page(table="marts.fct_utility_bills", row=f"{load}|{row}|{file}")
    landed, delivered = shown.dataframe[-2].value, shown.dataframe[-1].value
    assert list(landed["table_name"]) == ["utility_billing"]
    assert list(landed["rows"]) == [str(house.truth["bills"]["generations"]["1"]["rows"])]
    assert list(delivered["_id"]) == [bill]
    assert list(delivered["customer_name"]) == ["masked"]


def test_a_row_that_leads_nowhere_says_so(page: Callable[..., AppTest]) -> None:
    assert "No landing brought a file of that name" in said(page(row="1.2|3|abc"))
    assert "Write the row as" in said(page(row="'; drop table raw.products"))


def test_nothing_can_be_written_through_this_reader(page: Callable[..., AppTest]) -> None:
    page()
    with inspection._opened() as ask, pytest.raises(InspectionError, match="QUERY_FAILED"):
        ask("create table raw.written (a int)", {})


@contextmanager
def held(house: House) -> Iterator[None]:
    """Another program that writes to the DuckDB warehouse."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, house.warehouse.env["WAREHOUSE_PATH"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdin is not None
        assert writer.stdout.readline() == "open\n"  # which shows that the page has let the file go, too
        yield
        writer.stdin.close()


def test_while_a_build_writes_the_page_says_so_and_shows_what_is_published(
    house: House, page: Callable[..., AppTest]
) -> None:
    if house.engine == "postgres":
        pytest.skip("PostgreSQL is read while it is written")
    assert len(page(table="raw.products").dataframe) == 2
    with held(house):
        tables._columns.clear()
        shown = page(table="raw.products", beside="marts.dim_products")
    assert "a landing or a build is writing" in said(shown)
    assert list(shown.error) == []
    assert len(shown.dataframe[1].value) == house.truth["meters"]["products"]["rows"]


def test_a_role_that_may_not_read_raw_is_told_so(
    house: House, page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    if house.engine == "duckdb":
        pytest.skip("DuckDB has no roles")
    role, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    for statement in (
        f"create role {role} login password '{password}'",
        f"grant usage on schema published to {role}",
        f"grant select on all tables in schema published to {role}",
    ):
        house.query(statement)
    monkeypatch.setenv("READER_PGUSER", role)
    monkeypatch.setenv("READER_PGPASSWORD", password)
    try:
        shown = page(table="raw.products", beside="marts.dim_products")
        assert f"the role {role} may not read this; INSPECTOR_PGUSER can name one that may" in said(shown)
        assert [list(shown.exception), list(shown.error)] == [[], []]
        assert len(shown.dataframe[-1].value) == house.truth["meters"]["products"]["rows"]
        monkeypatch.setenv("INSPECTOR_PGUSER", house.warehouse.env["PGUSER"])
        monkeypatch.setenv("INSPECTOR_PGPASSWORD", house.warehouse.env["PGPASSWORD"])
        tables._rows.clear()
        assert "may not read" not in said(page(table="raw.products"))
    finally:
        tables.published().close()
        execute(house.warehouse.env, f"drop owned by {role}")
        execute(house.warehouse.env, f"drop role {role}")


def test_a_file_holds_more_than_is_shown_and_is_masked_as_well(house: House, page: Callable[..., AppTest]) -> None:
    page()
    reads = tables.taken("staging.stg_smart_meters__meter_readings", [])
    assert reads.num_rows == house.truth["meters"]["rows"] > tables.SHOWN
    assert tables.taken("marts.fct_meter_readings", []).num_rows == house.truth["meters"]["rows"]
    assert set(tables.taken("raw.utility_billing", []).column("customer_name").to_pylist()) == {"masked"}
