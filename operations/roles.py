"""Applies deployment/postgres/roles.sql: the roles of the warehouse, their limits and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from ingestion.errors import ConfigurationError, WarehouseError
from ingestion.settings import ROOT
from ingestion.warehouse import PostgresWarehouse, WarehouseSettings, brief
from operations.settings import ROLES

ROLES_SQL = ROOT / "deployment" / "postgres" / "roles.sql"


@dataclass(frozen=True)
class Applied:
    """What was done: `warnings` are the server's words on what could not be."""

    where: str
    can_log_in: tuple[str, ...]
    cannot_log_in: tuple[str, ...]
    warnings: tuple[str, ...]


def apply(settings: WarehouseSettings, passwords: Mapping[str, SecretStr]) -> Applied:
    """Makes the roles, or brings them back to what they should be, in one transaction.

    A password leaves this process only as the SCRAM verifier that the server keeps of it. Raises ConfigurationError on
    DuckDB, WarehouseError when the connection may not do this; then nothing was changed.
    """
    import psycopg2
    import psycopg2.errors
    from psycopg2.extensions import encrypt_password

    if settings.warehouse != "postgres":
        raise ConfigurationError("CONFIG_WAREHOUSE", "only PostgreSQL has roles: set WAREHOUSE=postgres and PG*")
    warehouse = PostgresWarehouse(settings)
    try:
        connection = warehouse.connection
        connection.autocommit = False
        with connection, connection.cursor() as cursor:
            for role, password in passwords.items():
                verifier = encrypt_password(
                    password.get_secret_value(), f"meterhouse_{role}", connection, "scram-sha-256"
                )
                cursor.execute("select set_config(%s, %s, true)", (f"meterhouse.{role}_password", verifier))
            cursor.execute(ROLES_SQL.read_text(encoding="utf-8"))
            cursor.execute(
                "select rolname, rolcanlogin from pg_roles where rolname = any(%s) order by 1",
                ([f"meterhouse_{role}" for role in ROLES],),
            )
            made = cursor.fetchall()
        warnings = tuple(notice.split(":", 1)[1].strip() for notice in connection.notices if "WARNING" in notice[:20])
    except psycopg2.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            "DENIED_WAREHOUSE",
            f"{warehouse.identity}: {brief(error)}. Connect as the database's administrator: a superuser, or its owner "
            "with CREATEROLE. Nothing was changed.",
        ) from None
    except psycopg2.Error as error:
        raise WarehouseError("ROLES_FAILED", f"{warehouse.identity}: {brief(error)} Nothing was changed.") from None
    finally:
        warehouse.close()
    return Applied(
        warehouse.identity,
        tuple(name for name, can in made if can),
        tuple(name for name, can in made if not can),
        warnings,
    )
