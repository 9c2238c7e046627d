"""One question to the schema `published`, in a process and a session that end with it.

Standard input, output and error as in `duckdb_child.py`. What limits the session is said here for its transaction,
since a role can undo what is set for it; what holds against everything is outside: `asking.py` ends the session by its
number.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CHUNK = 250

_MAY = """
select
    r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls,
    exists (select from pg_auth_members as m where m.member = r.oid),
    (
        select string_agg(n.nspname, ', ' order by n.nspname) from pg_namespace as n
        where n.nspname in ('raw', 'staging', 'intermediate') and has_schema_privilege(n.oid, 'usage')
    ),
    exists (select from pg_namespace as n where n.nspname = 'published' and has_schema_privilege(n.oid, 'create'))
    or has_database_privilege(current_database(), 'create, temporary')
from pg_roles as r where r.rolname = current_user
"""


def main() -> None:
    from serving.explorer import fences

    asked = fences.request()
    fences.limit(asked["seconds"])
    import psycopg2
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.ipc

    # All that is needed later: there are no files any more once the doors are closed.
    import serving.arrow  # noqa: F401

    pa.set_cpu_count(1)
    try:
        connection = psycopg2.connect(**asked["connection"])
        fences.tell(backend=connection.get_backend_pid())
        fences.close_doors()
        publication = _begun(connection, asked)
        table, is_truncated = _answered(connection, asked)
        fences.send(table)
    except fences.Refused as refusal:
        fences.tell(code=refusal.code, message=refusal.message)
    except (MemoryError, pa.ArrowMemoryError, psycopg2.errors.OutOfMemory, psycopg2.errors.ProgramLimitExceeded):
        fences.tell(code="QUERY_TOO_LARGE", message="it needs more memory than a question may have; ask for less")
    except psycopg2.errors.ConfigurationLimitExceeded:
        fences.tell(code="QUERY_TOO_LARGE", message="it needs more temporary space than a question may have")
    except psycopg2.errors.QueryCanceled:
        fences.tell(code="QUERY_TIMEOUT", message=f"the answer took more than {asked['seconds']:g} s and was given up")
    except psycopg2.errors.InsufficientPrivilege as error:
        fences.tell(code="QUERY_DENIED", message=str(error.diag.message_primary))
    except psycopg2.errors.ReadOnlySqlTransaction as error:
        fences.tell(code="QUERY_DENIED", message=str(error.diag.message_primary))
    except psycopg2.Error as error:
        fences.tell(code="QUERY_FAILED", message=(str(error).strip() or type(error).__name__)[:2000])
    else:
        fences.tell(code="OK", publication=publication, is_truncated=is_truncated)


def _begun(connection: Any, asked: dict[str, Any]) -> Any:
    """One copy to the end, though another may be published meanwhile (docs/decisions/0006-publish.md)."""
    import psycopg2.errors

    from serving.explorer import fences

    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    cursor = connection.cursor()
    cursor.execute(
        f"set local statement_timeout = {int(asked['seconds'] * 1000)}; set local lock_timeout = '2s'; "
        "set local idle_in_transaction_session_timeout = '10s'; set local client_connection_check_interval = '500ms'; "
        "set local work_mem = '16MB'; set local max_parallel_workers_per_gather = 0; set local jit = off; "
        "set local standard_conforming_strings = on; set local search_path = published; set local timezone = 'UTC'"
    )
    try:
        cursor.execute("lock table published.publication in access share mode")
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        raise fences.Refused("NOTHING_PUBLISHED", "nothing is published yet; run `make run`.") from None
    cursor.execute(_MAY)
    is_powerful, is_member, sees, writes = cursor.fetchone()
    excess = [
        word
        for word, has in (
            ("is an administrator", is_powerful),
            ("is a member of another role", is_member),
            (f"sees {sees}", sees),
            ("may make tables", writes),
        )
        if has
    ]
    if excess:
        raise fences.Refused(
            "EXPLORER_ROLE",
            f"{asked['connection']['user']} {', '.join(excess)}: people's SQL is not run as that role. Set "
            "EXPLORER_PGUSER and EXPLORER_PGPASSWORD to a role that reads the schema published only.",
        )
    cursor.execute(f"select {', '.join(asked['fields'])} from published.publication")
    return cursor.fetchone()


def _answered(connection: Any, asked: dict[str, Any]) -> tuple[Any, bool]:
    import pyarrow as pa

    import serving.arrow
    from serving.explorer import fences

    if asked["is_plan"]:
        cursor = connection.cursor()
        cursor.execute(f"explain {asked['sql']}")
        return pa.table({"plan": ["\n".join(line for (line,) in cursor.fetchall())]}), False
    # A cursor on the server: what is not asked for is not sent. DECLARE takes a SELECT only.
    cursor = connection.cursor(name="answer", withhold=False)
    cursor.execute(asked["sql"])
    rows: list[tuple[Any, ...]] = []
    size, chunk = 0, 1
    while len(rows) <= asked["rows"]:
        found = cursor.fetchmany(min(chunk, asked["rows"] + 1 - len(rows)))
        if not found:
            break
        rows += found
        size += sum(len(value) if isinstance(value, str) else 16 for row in found for value in row)
        if size > asked["bytes"]:
            raise fences.Refused("QUERY_TOO_LARGE", f"the answer is larger than {asked['bytes'] // 1_000_000} MB")
        chunk = CHUNK
    if cursor.description is None:
        raise fences.Refused("QUERY_DENIED", "only a SELECT is answered here")
    return serving.arrow.of_postgres(cursor.description, rows[: asked["rows"]]), len(rows) > asked["rows"]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
