"""The whole house under its roles, on a real PostgreSQL: each can do its work, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2.errors
import pytest

from tests.conftest import postgres_warehouse
from tests.end_to_end.conftest import House
from tests.operations.commands import ROLES, apply_roles, as_role, operate
from tests.operations.roled_house import DENIED, RoledHouse
from tests.postgres_server import connect, execute

OWNERS = {
    "raw": "loader",
    "staging": "transformer",
    "intermediate": "transformer",
    "marts": "transformer",
    "ledger": "transformer",
    "partitions": "transformer",
    "published": "transformer",
}


def test_each_schema_and_table_has_the_owner_it_should(house: RoledHouse) -> None:
    found = house.query(
        "admin",
        "select n.nspname, n.nspowner::regrole::text, c.relowner::regrole::text from pg_namespace as n "
        "left join pg_class as c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v') "
        f"where n.nspname in ({', '.join(map(repr, OWNERS))})",
    )
    assert {schema for schema, *_ in found} == set(OWNERS)
    wrong = [row for row in found if {row[1], row[2] or row[1]} != {f"meterhouse_{OWNERS[row[0]]}"}]
    assert wrong == []
    assert len(found) > 80


def test_a_reader_sees_the_first_publication(house: RoledHouse) -> None:
    ((rows,),) = house.query("reader", "select count(*) from published.fct_utility_bills")
    assert house.query("admin", "select count(*) from marts.fct_utility_bills") == [(rows,)]
    assert rows > 100
    ask = ("python", "-m", "publishing", "ask")
    said = house.of("reader").run(*ask, "select count(*) as bills from fct_utility_bills", code=1)
    assert "does not exist" in said  # no search path is set for a reader: the schema is said
    said = house.of("reader").run(*ask, "select count(*) as bills from published.fct_utility_bills")
    assert str(rows) in said


def test_people_ask_their_own_sql_as_the_explorer(house: RoledHouse) -> None:
    """Which refuses a role that may see or do more than it needs: this one may not."""
    ask = ("python", "-m", "serving.explorer")
    ((rows,),) = house.query("reader", "select count(*) from published.dim_products")
    assert str(rows) in house.of("explorer").run(*ask, "select count(*) as products from dim_products")
    assert "QUERY_DENIED" in house.of("explorer").run(*ask, "select count(*) from raw.pseudonyms", code=1)
    for role in ("reader", "transformer"):
        said = house.of(role).run(
            *ask, "select count(*) as products from dim_products", code=0 if role == "reader" else 1
        )
        assert (str(rows) in said) is (role == "reader")


def test_a_second_round_works_and_the_reader_keeps_its_grants(house: RoledHouse) -> None:
    assert "Nothing new" in house.of("loader").land()
    house.of("transformer").dbt("build", "--select", "dim_products")
    house.of("transformer").run("python", "-m", "publishing")
    assert house.query("reader", "select count(*) from published.dim_products")[0][0] > 0
    assert house.query("security", "select count(*) from published.dim_products")[0][0] > 0
    # Tables that dbt has made anew since the roles were applied are seen by the security role as well.
    assert house.query("security", "select count(*) from marts.dim_products")[0][0] > 0


@pytest.mark.parametrize(
    "statement",
    [
        "insert into raw.products select * from raw.products",
        "update raw.products set _source_file = 'x'",
        "delete from raw.products",
        "truncate raw.products",
        "alter table raw.products add column x text",
        "drop table raw.products",
        "alter table raw.products rename to gone",
        "create table raw.mine (x text)",
        "create index on raw.products (_source_file)",
        "drop schema raw cascade",
        "alter schema raw rename to mine",
        "select 1 from raw._landing_lock for update",
        "comment on table raw.products is 'x'",
    ],
)
def test_the_transformer_reads_raw_and_can_do_nothing_else_to_it(house: RoledHouse, statement: str) -> None:
    before = house.query("transformer", "select count(*) from raw.products")
    assert before[0][0] > 0
    house.refused("transformer", statement)
    assert house.query("transformer", "select count(*) from raw.products") == before


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from staging.stg_smart_meters__products",
        "select count(*) from marts.dim_products",
        "select count(*) from published.dim_products",
        "create schema mine",
        "create table staging.mine (x text)",
        "drop table published.dim_products",
        "create temp table mine (x text)",
    ],
)
def test_the_loader_sees_and_touches_raw_only(house: RoledHouse, statement: str) -> None:
    house.refused("loader", statement)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("select count(*) from raw.utility_billing", "schema raw"),
        ("select count(*) from raw.pseudonyms", "schema raw"),
        ("select count(*) from staging.stg_winnipeg_billing__bills", "schema staging"),
        ("select count(*) from intermediate.int_pseudonyms", "schema intermediate"),
        ("select count(*) from marts.fct_utility_bills", "schema marts"),
        ("select count(*) from ledger.build_runs", "schema ledger"),
        ("select count(*) from ledger.operation_runs", "schema ledger"),
        ("insert into published.dim_products select * from published.dim_products", "table dim_products"),
        ("update published.publication set dbt_vars = 'x'", "table publication"),
        ("delete from published.dim_products", "table dim_products"),
        ("truncate published.dim_products", "table dim_products"),
        ("drop table published.dim_products", "must be owner"),
        ("alter table published.dim_products rename to gone", "must be owner"),
        ("create table published.mine (x text)", "schema published"),
        ("create table public.mine (x text)", "schema public"),
        ("create schema mine", "database"),
        ("create temp table mine (x text)", "temporary tables"),
        ("select pg_read_file('PG_VERSION')", "pg_read_file"),
        ("select pg_read_binary_file('PG_VERSION')", "pg_read_binary_file"),
        ("select pg_ls_dir('.')", "pg_ls_dir"),
        ("select lo_import('/etc/passwd')", "lo_import"),
        ("select lo_export(1, '/tmp/x')", "lo_export"),
        ("select lo_from_bytea(0, 'x')", "lo_from_bytea"),
        ("copy published.dim_products to program 'cat'", "external program"),
        ("copy published.dim_products to '/tmp/x'", "file"),
        ("select pg_advisory_lock(1)", "pg_advisory_lock"),
        ("select pg_try_advisory_lock(1)", "pg_try_advisory_lock"),
        ("select pg_advisory_xact_lock_shared(1, 2)", "pg_advisory_xact_lock_shared"),
        ("select pg_sleep(1)", "pg_sleep"),
        ("select pg_sleep_for('1 second')", "pg_sleep_for"),
        ("select pg_notify('channel', 'x')", "pg_notify"),
        ("select pg_logical_emit_message(false, 'x', 'y')", "pg_logical_emit_message"),
        ("begin; lock table published.dim_products in access exclusive mode", "table dim_products"),
        ("set role meterhouse_transformer", "set role"),
        ("create role mine", "create role"),
        ("alter role meterhouse_reader connection limit 100", "alter role"),
    ],
)
def test_a_reader_can_only_read_what_is_published(house: RoledHouse, statement: str, reason: str) -> None:
    assert reason in house.refused("reader", statement)


def test_the_transformers_dbt_may_still_wait_for_another(house: RoledHouse) -> None:
    """The one use of pg_sleep, in refuse_second_build."""
    assert house.query("transformer", "select pg_sleep(0)") == [("",)]
    house.refused("transformer", "select pg_advisory_lock(1)")


def test_limits_are_those_of_the_roles(house: RoledHouse) -> None:
    settings = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    shown = ", ".join(f"current_setting('{name}')" for name in settings)
    found = {role: house.query(role, f"select {shown}")[0] for role in ROLES}
    assert found == {
        "loader": ("6h", "2min", "15min"),
        "transformer": ("6h", "30min", "15min"),
        "reader": ("1min", "10s", "45s"),
        "explorer": ("15s", "5s", "30s"),
        "security": ("5min", "10s", "5min"),
    }
    limits = house.query("admin", "select rolname, rolconnlimit from pg_roles where rolname like 'meterhouse\\__%'")
    assert dict(limits) == {
        "meterhouse_loader": 25,
        "meterhouse_transformer": 15,
        "meterhouse_reader": 20,
        "meterhouse_explorer": 5,
        "meterhouse_security": 3,
    }


def test_a_fourth_session_of_security_is_refused(house: RoledHouse) -> None:
    open_sessions = [connect(as_role(house.admin, "security")) for _ in range(3)]
    try:
        with pytest.raises(psycopg2.OperationalError, match="too many connections for role"):
            connect(as_role(house.admin, "security"))
    finally:
        for session in open_sessions:
            session.close()


def test_a_readers_idle_transaction_ends_before_a_publication_gives_up(house: RoledHouse) -> None:
    from publishing.publish import SWAP_SECONDS

    ((milliseconds,),) = house.query(
        "reader", "select setting::integer from pg_settings where name = 'idle_in_transaction_session_timeout'"
    )
    assert 0 < milliseconds < SWAP_SECONDS * 1000


def test_passwords_are_kept_as_scram_and_said_nowhere(house: RoledHouse, server: dict[str, str]) -> None:
    kept = house.query("admin", "select rolpassword from pg_authid where rolname like 'meterhouse\\__%'")
    assert len(kept) == len(ROLES) == 5
    assert all(password.startswith("SCRAM-SHA-256$") for (password,) in kept)
    said = apply_roles(house.admin)
    assert "secret" not in said.stdout + said.stderr


# Applying -----------------------------------------------------------------------------------------------------------

STATE = """
    with found as (
        select 'role' as kind, rolname::text as name, rolcanlogin::text as said, rolconnlimit::text as more,
            null::aclitem[] as acl
        from pg_roles where rolname like 'meterhouse\\__%'
        union all select 'setting', setrole::regrole::text, setconfig::text, '', null from pg_db_role_setting
            where setrole <> 0
        union all select 'schema', nspname, nspowner::regrole::text, '', coalesce(nspacl, acldefault('n', nspowner))
            from pg_namespace where nspname !~ '^pg_'
        union all select 'table', oid::regclass::text, relowner::regrole::text, '',
            coalesce(relacl, acldefault('r', relowner))
            from pg_class where relkind in ('r', 'p', 'v')
            and relnamespace::regnamespace::text in ('raw', 'staging', 'intermediate', 'marts', 'ledger', 'published')
        union all select 'default', defaclnamespace::regnamespace::text, defaclrole::regrole::text, '', defaclacl
            from pg_default_acl
        union all select 'database', datname, '', '', datacl from pg_database where datname = current_database()
        union all select 'function', oid::regprocedure::text, '', '', coalesce(proacl, acldefault('f', proowner))
            from pg_proc where pronamespace = 11
    )
    select kind, name, said, more, (select string_agg(item::text, ' ' order by item::text) from unnest(acl) as item)
    from found order by 1, 2, 3, 4
"""
"""Roles, owners and grants of a database, each grant in full and in a fixed order."""


def test_applying_again_changes_nothing(house: RoledHouse) -> None:
    before = house.query("admin", STATE)
    apply_roles(house.admin)
    assert house.query("admin", STATE) == before


def test_applying_again_takes_back_what_was_granted_by_hand(house: RoledHouse) -> None:
    before = house.query("admin", STATE)
    for statement in (
        "grant usage on schema raw, marts to meterhouse_reader",
        "grant select on raw.pseudonyms to meterhouse_reader",
        "grant select on marts.dim_products to public",
        "grant insert on raw.products to meterhouse_transformer",
        "grant create, temporary on database {} to meterhouse_reader",
        "alter role meterhouse_reader connection limit -1",
        "alter role meterhouse_reader set statement_timeout = 0",
    ):
        house.query("admin", statement.format(house.admin["PGDATABASE"]))
    assert house.query("admin", STATE) != before
    apply_roles(house.admin)
    assert house.query("admin", STATE) == before
    for statement in ("select from raw.pseudonyms", "select from marts.dim_products", "create temp table x ()"):
        house.refused("reader", statement)
    house.refused("transformer", "insert into raw.products select * from raw.products")


def test_a_restored_database_has_the_same_owners_and_grants(house: RoledHouse) -> None:
    admin = house.of("loader").env | house.admin
    backup = operate(admin, "backup").stdout.splitlines()[-1]
    other = {**house.admin, "PGDATABASE": f"{house.admin['PGDATABASE']}_restored"}
    operate(admin, "restore", backup, PGDATABASE=other["PGDATABASE"])
    try:
        before = [row for row in house.query("admin", STATE) if row[0] != "database"]
        after = [row for row in execute(other, STATE) if row[0] != "database"]
        assert len(before) > 3000
        assert [row for row in after if row not in before] == []
        assert [row for row in before if row not in after] == []
        restored = RoledHouse(other, house.world, house.folder)
        assert restored.query("reader", "select count(*) from published.dim_products")[0][0] > 0
        restored.refused("reader", "select pg_advisory_lock(1)")
        restored.refused("reader", "create temp table mine (x text)")
        assert "Nothing new" in restored.of("loader").land()
        restored.of("transformer").run("python", "-m", "publishing")
    finally:
        execute(house.admin, f"drop database {other['PGDATABASE']} with (force)")


def test_a_password_that_is_not_given_stays(database: dict[str, str], tmp_path: Path) -> None:
    apply_roles(database)
    file = tmp_path / "reader"
    file.write_text("another-secret-of-the-reader\n")
    said = operate({**database, "WAREHOUSE": "postgres"}, "roles", METERHOUSE_READER_PASSWORD_FILE=str(file)).stdout
    assert re.search(r"meterhouse_reader: password set\n", said)
    assert re.search(r"meterhouse_loader: password as it was\n", said)
    assert execute(as_role(database, "loader"), "select 1") == [(1,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        execute(as_role(database, "reader"), "select 1")
    assert execute({**as_role(database, "reader"), "PGPASSWORD": "another-secret-of-the-reader"}, "select 1") == [(1,)]


def test_a_warehouse_of_one_user_goes_over_to_its_roles(database: dict[str, str], tmp_path: Path, world: Path) -> None:
    before = House(postgres_warehouse(tmp_path, database), world, tmp_path)
    before.land()
    apply_roles(database)
    house = RoledHouse(database, world, tmp_path)
    assert "Nothing new" in house.of("loader").land()
    house.refused("transformer", "delete from raw.products")
    assert house.query("transformer", "select count(*) from raw.products")[0][0] > 0
    house.of("transformer").dbt("build", "--select", "+dim_products", "--indirect-selection", "cautious")


def test_a_role_with_more_than_it_should_have_is_named(database: dict[str, str]) -> None:
    apply_roles(database)
    execute(database, "grant pg_read_all_data to meterhouse_reader")
    try:
        refused = apply_roles(database, code=1)
        assert "meterhouse_reader has more than it should: member of pg_read_all_data" in refused.stderr
    finally:
        execute(database, "revoke pg_read_all_data from meterhouse_reader")


def test_an_administrator_who_is_no_superuser_is_told_what_stays_open(server: dict[str, str]) -> None:
    """As on managed services: the owner of the database, with CREATEROLE."""
    from tests.postgres_server import postgres_server

    with postgres_server() as fresh:
        execute(fresh, "create role administrator login createrole password 'for tests'")
        execute(fresh, "create database managed owner administrator")
        admin = {**fresh, "PGDATABASE": "managed", "PGUSER": "administrator", "PGPASSWORD": "for tests"}
        said = apply_roles(admin).stdout
        assert re.search(r"warning: \d+ functions .* stay open to every role", said)
        assert apply_roles(admin).stdout == said
        for role in ROLES:
            assert execute(as_role(admin, role), "select 1") == [(1,)]
        assert execute(admin, "select pg_has_role('meterhouse_loader', 'usage')") == [(False,)]
        with pytest.raises(DENIED):
            execute(as_role(admin, "reader"), "create temp table mine (x text)")
        execute(as_role(admin, "loader"), "create table raw.here (x text)")
        assert execute(as_role(admin, "transformer"), "select count(*) from raw.here") == [(0,)]


def test_who_may_not_make_roles_is_told_so_and_nothing_changes(house: RoledHouse) -> None:
    refused = apply_roles(as_role(house.admin, "transformer"), code=1)
    assert refused.stderr.startswith("DENIED_WAREHOUSE: ")
    assert "administrator" in refused.stderr


def test_duckdb_has_no_roles(tmp_path: Path) -> None:
    refused = operate({"WAREHOUSE": "duckdb", "WAREHOUSE_PATH": str(tmp_path / "w.duckdb")}, "roles", code=2)
    assert "only PostgreSQL has roles" in refused.stderr
    assert not (tmp_path / "w.duckdb").exists()


def test_a_password_file_that_cannot_be_read_is_named(database: dict[str, str], tmp_path: Path) -> None:
    env = {**database, "WAREHOUSE": "postgres", "METERHOUSE_LOADER_PASSWORD_FILE": str(tmp_path / "absent")}
    assert "METERHOUSE_LOADER_PASSWORD_FILE" in operate(env, "roles", code=2).stderr
    (tmp_path / "absent").write_text("\n")
    assert "is empty" in operate(env, "roles", code=2).stderr
