"""python -m serving.api [serve | keys list|add|revoke]: the API, and who may call it.

Exit codes: 0 done, 2 usage or configuration.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ingestion.errors import LandingError
from ingestion.settings import read
from serving.api.keys import ROLES, Keys, Role
from serving.api.settings import ApiSettings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
keys = typer.Typer(no_args_is_help=True, help="Who may call.")
app.add_typer(keys, name="keys")
console = Console() if sys.stdout.isatty() else Console(width=160)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
) -> None:
    """Answers calls until it is stopped. Where there is no key yet, one for you is made and said once."""
    import uvicorn

    from serving.api.app import made

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = read(ApiSettings)
    api = made(settings)
    known = Keys(settings.keys)
    if not known.callers() and sys.stdout.isatty():
        console.print("There was no key; this one is said once:", known.add("first", "operator"), highlight=False)
    elif not known.callers():
        console.print("There is no key yet; `python -m serving.api keys add NAME` makes one.", highlight=False)
    config = uvicorn.Config(
        api, host=host, port=port, access_log=False, log_level="warning", timeout_keep_alive=30,
        limit_concurrency=200, h11_max_incomplete_event_size=64_000, server_header=False,
    )  # fmt: skip
    listening = config.bind_socket()
    # Whoever calls as soon as the address is said waits for the start, and is not refused.
    listening.listen(config.backlog)
    address = f"http://{host}:{listening.getsockname()[1]}"
    console.print(f"The API is at {address}, its addresses at {address}/openapi.json", highlight=False)
    uvicorn.Server(config).run(sockets=[listening])


@keys.command("list")
def list_keys() -> None:
    """Names and roles; the keys themselves are kept nowhere."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("name")
    table.add_column("role")
    known = Keys(read(ApiSettings).keys).callers()
    for one in known:
        table.add_row(one.name, one.role)
    console.print(table if known else "There is no key yet.")


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    role: Annotated[str, typer.Option(help=" or ".join(ROLES))] = "reader",
) -> None:
    """Makes a key and prints it: this once, and nowhere else."""
    chosen: Role | None = next((one for one in ROLES if one == role), None)
    if chosen is None:
        raise typer.BadParameter(f"a role is {' or '.join(ROLES)}", param_hint="--role")
    print(Keys(read(ApiSettings).keys).add(name, chosen))


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose key no longer counts.")]) -> None:
    """From the next call on."""
    Keys(read(ApiSettings).keys).revoke(name)


def run() -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(run())
