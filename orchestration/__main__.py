"""python -m orchestration up|manifest: a local Airflow with everything wired, and the manifest its DAGs are drawn from.

Exit codes: 0 done or stopped, 1 it did not start or a component ended, 2 usage or configuration.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ingestion.errors import LandingError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Of the web page, on 127.0.0.1; 0 takes a free one.")] = 8080,
) -> None:
    """Start Airflow on this machine, print its address and login, and stay until Ctrl-C."""
    from orchestration import local

    local.up(port)


@app.command()
def manifest() -> None:
    """Write the manifest from which the DAGs are drawn: after each change of the dbt project."""
    from orchestration import local

    print(local.make_manifest())


def main() -> int:
    try:
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
