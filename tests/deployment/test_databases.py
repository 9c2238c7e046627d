"""Both PostgreSQL servers as the file starts them, with the certificates that the first start makes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from tests.deployment.compose import ROOT
from tests.deployment.machine import Machine, postgres_binaries

pytestmark = pytest.mark.skipif(
    postgres_binaries() is None,
    reason="no PostgreSQL with TLS here (the wheel's has none): install Debian's postgresql",
)


@pytest.fixture(scope="module")
def machine(new_machine: Callable[..., Machine]) -> Machine:
    machine = new_machine()
    # What does not concern databases answers for itself elsewhere.
    machine.stand_in("preflight", 0, 0)
    assert machine.up("warehouse-roles") == ["warehouse", "warehouse-roles"]
    return machine


def connect(machine: Machine, user: str, **more: str):  # type: ignore[no-untyped-def]
    given = {
        "host": "localhost",
        "port": str(machine.ports["warehouse", 5432]),
        "dbname": "meterhouse",
        "user": user,
        "password": secret(
            machine, f"warehouse_{'superuser' if user == 'postgres' else user.removeprefix('meterhouse_')}_password"
        ),
        "sslmode": "verify-full",
        "sslrootcert": str(machine.secrets / "database_ca"),
        "connect_timeout": "10",
    }
    return psycopg2.connect(**{**given, **more})


def secret(machine: Machine, name: str) -> str:
    return (machine.secrets / name).read_text().strip()


def rows(connection, sql: str) -> list[tuple]:  # type: ignore[no-untyped-def, type-arg]
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_a_client_that_knows_the_authority_gets_in_by_tls(machine: Machine) -> None:
    connection = connect(machine, "meterhouse_loader")
    ((encrypted, version),) = rows(connection, "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()")
    connection.close()
    assert encrypted
    assert version in ("TLSv1.2", "TLSv1.3")


def test_a_server_of_another_name_is_refused(machine: Machine) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r'certificate for .*"warehouse".* does not match host name'):
        connect(machine, "meterhouse_loader", host="some-other-name", hostaddr="127.0.0.1")


def test_a_server_of_another_authority_is_refused(machine: Machine, tmp_path: Path) -> None:
    subprocess.run([ROOT / "deployment" / "secrets.sh", tmp_path / "other"], check=True, capture_output=True)
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        connect(machine, "meterhouse_loader", sslrootcert=str(tmp_path / "other" / "database_ca"))


def test_a_connection_without_tls_is_refused(machine: Machine) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"pg_hba\.conf rejects connection.*no encryption"):
        connect(machine, "meterhouse_loader", sslmode="disable")


def test_no_password_no_entry(machine: Machine) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(machine, "meterhouse_loader", password="loader")
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        connect(machine, "meterhouse_loader", password="")


def test_passwords_are_kept_as_scram_verifiers_and_pages_have_checksums(machine: Machine) -> None:
    connection = connect(machine, "postgres")
    kept = rows(connection, "select distinct left(rolpassword, 14) from pg_authid where rolpassword is not null")
    checksums = rows(connection, "show data_checksums")
    connection.close()
    assert kept == [("SCRAM-SHA-256$",)]
    assert checksums == [("on",)]


def test_only_the_superuser_is_one(machine: Machine) -> None:
    connection = connect(machine, "postgres")
    able = "rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
    found = rows(connection, f"select rolname, ({able}) from pg_roles where rolcanlogin order by 1")
    connection.close()
    assert found == [
        ("meterhouse_explorer", False),
        ("meterhouse_loader", False), ("meterhouse_reader", False), ("meterhouse_security", False),
        ("meterhouse_transformer", False), ("metrics", False), ("postgres", True),
    ]  # fmt: skip


def test_the_role_of_the_exporter_sees_statistics_and_no_data(machine: Machine) -> None:
    owner = connect(machine, "meterhouse_loader")
    with owner, owner.cursor() as cursor:
        cursor.execute("create table raw.bills as select 'Ada Byron' as customer")
    owner.close()
    connection = connect(machine, "metrics")
    assert rows(connection, "select count(*) > 0 from pg_stat_database where datname = 'meterhouse'") == [(True,)]
    assert rows(connection, "select pg_database_size('meterhouse') > 0") == [(True,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(connection, "select * from raw.bills")
    connection.close()


def test_roles_are_applied_again_and_a_changed_password_holds(
    new_machine: Callable[..., Machine], tmp_path: Path, secrets: Path
) -> None:
    changed = tmp_path / "secrets"
    shutil.copytree(secrets, changed)
    machine = new_machine()
    machine.secrets = changed
    machine.stand_in("preflight", 0, 0)
    machine.up("warehouse-roles")
    (changed / "warehouse_reader_password").chmod(0o644)
    # With what a shell or SQL could stumble over.
    (changed / "warehouse_reader_password").write_text("a new 'one' $(x) `y` \\ \"z\" %\n")
    machine._mounts.clear()
    again = machine.run("warehouse-roles")
    assert again.returncode == 0, again.stdout
    connect(machine, "meterhouse_reader").close()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(machine, "meterhouse_reader", password=(secrets / "warehouse_reader_password").read_text().strip())

    # What the server and the script wrote of it all names no password.
    said = machine.log("warehouse").read_text() + machine.log("warehouse-roles").read_text()
    assert "roles of the warehouse are applied" in said
    passwords = [path.read_text().strip() for path in changed.glob("*_password")]
    assert [password for password in passwords if password in said] == []
    # SIGINT, as the file says, ends it in order: exit code 0, and the next start needs no recovery.
    assert machine.stop("warehouse") == 0
    assert "database system is shut down" in machine.log("warehouse").read_text()


def test_a_role_file_that_fails_changes_nothing_and_refuses_the_start(
    new_machine: Callable[..., Machine],
) -> None:
    machine = new_machine()
    machine.stand_in("preflight", 0, 0)
    machine.up("warehouse")
    broken = machine.mounts("warehouse-roles")["/etc/meterhouse"] / "roles.sql"
    broken.write_text("create role half_made login;\nalter role nobody_is_called_so password 'to be seen nowhere';\n")
    done = machine.run("warehouse-roles")
    assert done.returncode != 0
    # PostgreSQL would log a statement that fails, and the password with it.
    server = machine.log("warehouse").read_text()
    assert 'role "nobody_is_called_so" does not exist' in server
    assert "to be seen nowhere" not in server + done.stdout
    connection = connect(machine, "postgres")
    assert rows(connection, "select count(*) from pg_roles where rolname = 'half_made'") == [(0,)]
    connection.close()


def test_the_key_that_the_server_uses_is_its_own_and_nobody_elses(machine: Machine) -> None:
    key = machine.mounts("warehouse")["/run/tls"] / "server.key"
    assert oct(key.stat().st_mode & 0o777) == "0o600"
    user = machine.user("warehouse")
    if user is not None:
        assert key.stat().st_uid == user.pw_uid


def test_a_server_without_its_superuser_password_does_not_start(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine()
    password = machine.mounts("warehouse")["/run/secrets"] / "warehouse_superuser_password"
    password.chmod(0o644)
    password.write_text("")
    assert machine.start("warehouse").wait(60) != 0
    assert "superuser password is not specified" in machine.log("warehouse").read_text()
