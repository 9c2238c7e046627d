"""What PostgreSQL's readers may rely on: their transaction, their grants, and a word when they stand in the way."""

from __future__ import annotations

from pathlib import Path

import psycopg2.errors
import pytest

from ingestion.errors import BusyError
from publishing import publish as publishing
from publishing.builds import NotPublished
from publishing.copy import open_copy
from publishing.publish import publish
from tests.conftest import TestWarehouse, postgres_warehouse
from tests.postgres_server import connect
from tests.publishing.conftest import made_build


@pytest.fixture
def postgres_copy(tmp_path: Path, postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    """A PostgreSQL warehouse whose first build is published."""
    warehouse = postgres_warehouse(tmp_path, postgres)
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    made_build(warehouse, 1)
    publish()
    return warehouse


def test_a_transaction_that_reads_the_copy_keeps_it_and_the_swap_waits(
    postgres_copy: TestWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_build(postgres_copy, 2)
    monkeypatch.setattr(publishing, "SWAP_SECONDS", 1)
    reader = connect(postgres_copy.env)
    reader.autocommit = False
    reader.set_session(isolation_level="repeatable read")
    cursor = reader.cursor()
    cursor.execute("lock table published.publication in access share mode")
    cursor.execute("select invocation_id from published.publication")
    assert cursor.fetchall() == [("1",)]
    with pytest.raises(BusyError, match=r"BUSY_READERS: .* server process \d+"):
        publish()
    cursor.execute("select distinct generation from published.monthly_billing")
    assert cursor.fetchall() == [(1,)]
    reader.close()
    publish()
    assert postgres_copy.query("select distinct generation from published.monthly_billing") == [(2,)]


def test_who_could_read_the_last_copy_can_read_the_next(postgres_copy: TestWarehouse) -> None:
    postgres_copy.query("drop role if exists analyst_of_tests")
    postgres_copy.query("create role analyst_of_tests")
    postgres_copy.query("grant usage on schema published to analyst_of_tests")
    postgres_copy.query("grant select on all tables in schema published to analyst_of_tests")
    try:
        made_build(postgres_copy, 2)
        publish()
        connection = connect(postgres_copy.env)
        cursor = connection.cursor()
        cursor.execute("set role analyst_of_tests")
        cursor.execute("select distinct generation from published.monthly_billing")
        assert cursor.fetchall() == [(2,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("select count(*) from staging.bills")
        connection.close()
    finally:
        postgres_copy.query("drop owned by analyst_of_tests")
        postgres_copy.query("drop role analyst_of_tests")


def test_the_first_copy_is_shown_to_who_may_look_into_the_empty_schema(
    tmp_path: Path, postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where roles are set up (deployment/postgres/roles.sql), the schema and its grants are there before any copy."""
    warehouse = postgres_warehouse(tmp_path, postgres)
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    made_build(warehouse, 1)
    warehouse.query("drop role if exists first_reader_of_tests")
    warehouse.query("create role first_reader_of_tests")
    warehouse.query("create schema published")
    warehouse.query("grant usage on schema published to first_reader_of_tests")
    try:
        with pytest.raises(NotPublished, match="NOTHING_PUBLISHED"), open_copy():
            pass
        publish()
        connection = connect(warehouse.env)
        cursor = connection.cursor()
        cursor.execute("set role first_reader_of_tests")
        cursor.execute("select distinct generation from published.monthly_billing")
        assert cursor.fetchall() == [(1,)]
        connection.close()
    finally:
        warehouse.query("drop owned by first_reader_of_tests")
        warehouse.query("drop role first_reader_of_tests")


def test_a_view_on_the_copy_is_named_and_nothing_is_lost(postgres_copy: TestWarehouse) -> None:
    postgres_copy.query("create view public.mine as select generation from published.monthly_billing")
    made_build(postgres_copy, 2)
    with pytest.raises(NotPublished, match=r"view mine depends on table published\.monthly_billing"):
        publish()
    assert postgres_copy.query("select distinct generation from public.mine") == [(1,)]
    postgres_copy.query("drop view public.mine")
    publish()
    assert postgres_copy.query("select distinct generation from published.monthly_billing") == [(2,)]


def test_a_dbt_run_that_is_under_way_keeps_the_last_copy(postgres_copy: TestWarehouse) -> None:
    made_build(postgres_copy, 2, failures=None)
    with pytest.raises(NotPublished, match="still running"):
        publish()
    assert postgres_copy.query("select distinct generation from published.dim_products") == [(1,)]
