"""What must be there before Airflow starts: its tables, administrator, the API's user, the pool.

    python init.py ADMIN PASSWORD_FILE [USER PASSWORD_FILE]

Repeating it changes nothing: a user that exists keeps the password it has. The commands run inside this process,
through Airflow's own command line: as an argument of a process the password would stand in the list of processes.
"""

from __future__ import annotations

import sys
from pathlib import Path

POOL = (
    "warehouse",
    "1",
    "One at a time: DuckDB has one writer, and dbt builds of the same models disturb each other.",
)


def airflow(*arguments: str) -> None:
    """Runs one Airflow command. Raises SystemExit with its code when it fails."""
    from airflow.__main__ import main

    sys.argv = ["airflow", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


def main(*given: str) -> int:
    # Of Airflow's own roles, `User` is the least that may start a run.
    wanted = list(zip(given[::2], given[1::2], ("Admin", "User"), strict=False))
    passwords = {user: Path(file).read_text(encoding="utf-8").strip() for user, file, _ in wanted}
    for user, file, _ in wanted:
        if not passwords[user]:
            print(f"{file} is empty", file=sys.stderr)
            return 1
    airflow("db", "migrate")
    for user, _, role in wanted:
        airflow(
            *("users", "create", "--username", user, "--role", role, "--password", passwords[user]),
            *("--firstname", "Meterhouse", "--lastname", role, "--email", f"{user}@localhost"),
        )
    airflow("pools", "set", *POOL)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
