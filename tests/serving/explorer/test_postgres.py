"""The explorer on PostgreSQL: the engine's wall alone, as a role that reads the schema published only."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from publishing.publish import publish
from serving.explorer import ExplorerError, ask, asking
from tests.conftest import TestWarehouse, postgres_warehouse
from tests.postgres_server import execute, fresh_database
from tests.publishing.conftest import made_build
from tests.serving.explorer.payloads import PAYLOADS

TABLES = "select schemaname, tablename from pg_tables where schemaname !~ '^pg_|^information_schema$' order by 1, 2"
HARMLESS = {
    # They read what every role may know of the server, or set what ends with the session; nothing else.
    "select 1; select 2",
    "select pg_terminate_backend(1)",
    "select query_to_xml('select 1', true, false, '')",
    "select pg_advisory_lock(1)",
    "select set_config('statement_timeout', '0', false)",
    "select * from pg_catalog.pg_class",
    "select * from pg_user",
    "select * from information_schema.tables",
    "select 'pg_authid'::regclass",
}


@pytest.fixture(scope="module")
def postgres_copy(
    tmp_path_factory: pytest.TempPathFactory, postgres_session: dict[str, str]
) -> Iterator[TestWarehouse]:
    """A published copy of 400 rows in each table, and a role that reads it."""
    role, password = f"explorer_{secrets.token_hex(4)}", secrets.token_hex(8)
    with fresh_database(postgres_session) as settings, pytest.MonkeyPatch.context() as patch:
        warehouse = postgres_warehouse(tmp_path_factory.mktemp("copy"), settings)
        for name, value in warehouse.env.items():
            patch.setenv(name, value)
        made_build(warehouse, 1)
        publish()
        for statement in (
            f"create role {role} login password '{password}' connection limit 5",
            f"revoke all on database {settings['PGDATABASE']} from public",
            f"grant connect on database {settings['PGDATABASE']} to {role}",
            f"grant usage on schema published to {role}",
            f"grant select on all tables in schema published to {role}",
        ):
            warehouse.query(statement)
        try:
            yield TestWarehouse("postgres", {**warehouse.env, "EXPLORER_PGUSER": role, "EXPLORER_PGPASSWORD": password})
        finally:
            execute(settings, f"drop owned by {role}")
            execute(settings, f"drop role {role}")


@pytest.fixture
def asked(postgres_copy: TestWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestWarehouse:
    for name, value in postgres_copy.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    return postgres_copy


def state(warehouse: TestWarehouse) -> object:
    """Every table that is there, and the rows of each."""
    tables = warehouse.query(TABLES)
    return [
        (table, warehouse.query(f'select count(*), min(t::text) from {table[0]}."{table[1]}" as t')) for table in tables
    ]


# Out of the transaction that only reads, and on: here the role is all that is left.
LEAVING = (
    "select 1; commit; delete from published.monthly_billing",
    "select 1; commit; begin read write; delete from published.monthly_billing; commit",
    "select 1; commit; create temp table made (i int)",
    "select 1; rollback; create schema made",
)


@pytest.mark.parametrize("payload", (*PAYLOADS, *LEAVING))
def test_with_the_parser_down_a_payload_harms_nothing(
    payload: str, asked: TestWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 2.0)
    out = tmp_path / "out"
    before = state(asked)
    try:
        run = asking._run(asking._settings(), payload.replace("{out}", str(out)), 100)
    except ExplorerError as error:
        assert error.code in {"QUERY_DENIED", "QUERY_FAILED", "QUERY_TIMEOUT"}
    else:
        assert payload in HARMLESS
        assert "root:" not in str(run.table.to_pylist())
    assert state(asked) == before
    assert not out.exists()


@pytest.mark.parametrize("table", ["raw.bills", "staging.bills", "marts.monthly_billing"])
def test_what_is_not_published_is_refused_by_the_server(table: str, asked: TestWarehouse) -> None:
    with pytest.raises(ExplorerError, match="permission denied for schema") as found:
        asking._run(asking._settings(), f"select * from {table}", 100)
    assert found.value.code == "QUERY_DENIED"


def test_a_statement_that_lifts_its_own_limit_is_ended_from_outside(
    asked: TestWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 2.0)
    sleeping = (
        "select count(*) from pg_stat_activity where application_name like 'meterhouse explorer,%' and state = 'active'"
    )
    with pytest.raises(ExplorerError) as found:
        asking._run(
            asking._settings(), "select set_config('statement_timeout', '0', false), pg_sleep(0.1), count(*) "
            "from generate_series(1, 100000) as a(i) cross join generate_series(1, 1000000) as b(j)", 100,
        )  # fmt: skip
    assert found.value.code == "QUERY_TIMEOUT"
    assert asked.query(sleeping) == [(0,)]


def test_a_role_that_sees_more_is_not_used(asked: TestWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPLORER_PGUSER")
    with pytest.raises(ExplorerError, match="sees raw, staging") as found:
        ask("select 1 as one", "alice")
    assert found.value.code == "EXPLORER_ROLE"


def test_a_question_is_answered_and_cut_at_its_limit(asked: TestWarehouse) -> None:
    result = ask("select max(generation) as generation, count(*) as rows from monthly_billing", "alice")
    assert result.table.to_pylist() == [{"generation": 1, "rows": 400}]
    cut = ask("select i from generate_series(1, 10000000) as s(i)", "alice", 1000)
    assert (cut.table.num_rows, cut.is_truncated) == (1000, True)
