"""What must be there before Airflow starts: the tables of its database, the administrator, the pool of the warehouse.

    python init.py USER PASSWORD_FILE

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


def main(user: str, password_file: str) -> int:
    password = Path(password_file).read_text(encoding="utf-8").strip()
    if not password:
        print(f"{password_file} is empty", file=sys.stderr)
        return 1
    airflow("db", "migrate")
    airflow(
        *("users", "create", "--username", user, "--role", "Admin", "--password", password),
        *("--firstname", "Meterhouse", "--lastname", "Administrator", "--email", f"{user}@localhost"),
    )
    airflow("pools", "set", *POOL)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
