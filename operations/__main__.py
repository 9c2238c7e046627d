"""python -m operations roles: for the people who run the house.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 75 another run holds the warehouse.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from ingestion.errors import LandingError
from ingestion.settings import read
from ingestion.warehouse import WarehouseSettings
from operations.settings import passwords

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
# Away from a terminal nobody gains from lines cut at 80 characters.
console = Console() if sys.stdout.isatty() else Console(width=160)


def say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@app.callback()
def main() -> None:
    """Database roles of the warehouse."""


@app.command()
def roles() -> None:
    """Make PostgreSQL's roles and grants, or bring them back to what they should be.

    Connect (PG*) as the database's administrator: a superuser, or its owner with CREATEROLE.
    Passwords come from METERHOUSE_LOADER_PASSWORD or METERHOUSE_LOADER_PASSWORD_FILE, and the same of TRANSFORMER,
    READER and SECURITY; one that is not given stays as it is.
    """
    from operations.roles import apply

    given = passwords()
    applied = apply(read(WarehouseSettings), given)
    say(f"Roles are applied to {applied.where}")
    for name in applied.can_log_in:
        is_new = name.removeprefix("meterhouse_") in given
        say(f"  {name}: {'password set' if is_new else 'password as it was'}")
    for name in applied.cannot_log_in:
        say(f"  {name}: cannot log in, no password was ever given")
    for warning in applied.warnings:
        say(f"  warning: {warning}")


def run() -> int:
    """Runs the command line; every expected failure is one line on standard error and an exit code."""
    try:
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(run())
