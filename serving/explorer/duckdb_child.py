"""One question to the published DuckDB file, in a process that can do nothing else and ends with it.

Started by path, with nothing in its environment. Standard input: the request as JSON. Standard output: the answer as an
Arrow stream. Standard error: lines of JSON, the last one the outcome.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

MEMORY = "512MB"


def main() -> None:
    from serving.explorer import fences

    asked = fences.request()
    fences.limit(asked["seconds"])
    fences.tell(is_isolated=fences.leave_network())
    import duckdb
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.ipc

    # All that is needed later: there are no files any more once the doors are closed.
    import serving.arrow  # noqa: F401

    pa.set_cpu_count(1)
    try:
        connection = _opened(asked["path"])
        fields = ", ".join(asked["fields"])
        (publication,) = connection.execute(f"select {fields} from main.publication").fetchall()
        fences.close_doors()
        table, is_truncated = _answered(connection, asked)
        fences.send(table)
    except fences.Refused as refusal:
        fences.tell(code=refusal.code, message=refusal.message)
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
        fences.tell(code="QUERY_TOO_LARGE", message=f"it needs more than {MEMORY} of memory; ask for less at once")
    except (duckdb.Error, pa.ArrowInvalid) as error:
        fences.tell(code="QUERY_FAILED", message=str(error).strip()[:2000])
    else:
        fences.tell(code="OK", publication=publication, is_truncated=is_truncated)


def _opened(path: str) -> Any:
    import duckdb

    connection = duckdb.connect(
        path,
        read_only=True,
        config={
            "enable_external_access": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
            "memory_limit": MEMORY,
            "threads": 1,
            "temp_directory": "",
        },
    )
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set search_path = 'marts,ledger,main'")
    connection.execute("set lock_configuration = true")
    return connection


def _answered(connection: Any, asked: dict[str, Any]) -> tuple[Any, bool]:
    import duckdb
    import pyarrow as pa

    import serving.arrow
    from serving.explorer import fences

    try:
        statements = connection.extract_statements(asked["sql"])
    except IndexError:  # raised for some lists of statements
        statements = []
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise fences.Refused("QUERY_DENIED", "only one statement, a SELECT, is answered here")
    if asked["is_plan"]:
        found = connection.execute(f"explain {asked['sql']}").fetchall()
        return pa.table({"plan": [row[-1] for row in found]}), False
    reader = connection.execute(statements[0]).to_arrow_reader(1024)
    batches, rows, size = [], 0, 0
    for batch in reader:
        batches.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if size > asked["bytes"]:
            raise fences.Refused("QUERY_TOO_LARGE", f"the answer is larger than {asked['bytes'] // 1_000_000} MB")
        if rows > asked["rows"]:
            break
    table = pa.Table.from_batches(batches, reader.schema).slice(0, asked["rows"])
    try:
        return serving.arrow.of_duckdb(table), rows > asked["rows"]
    except pa.ArrowInvalid:  # a whole number that 64 bits do not hold
        return table, rows > asked["rows"]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
