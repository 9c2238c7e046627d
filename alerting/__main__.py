"""python -m alerting raise|resolve|list|deliver|test: faults by hand and from units that are no Python.

Exit codes: 0 done, 1 something could not be told (it is kept and tried again), 2 usage or configuration.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from alerting import Fault, open_faults, outbox, raise_fault, resolve_fault
from alerting.channels import send
from alerting.settings import AlertSettings
from ingestion.errors import LandingError
from ingestion.settings import read

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
console = Console() if sys.stdout.isatty() else Console(width=160)
Key = Annotated[str, typer.Argument(help="what is wrong, in the same words each time")]


@app.command("raise")
def raise_one(
    key: Key,
    title: Annotated[str, typer.Option(help="one line")],
    detail: Annotated[str, typer.Option(help="what happened and what to do next")] = "",
    severity: Annotated[Literal["failure", "warning"], typer.Option()] = "failure",
    owner: Annotated[str, typer.Option(help="who looks after it")] = "operations",
    playbook: Annotated[str | None, typer.Option(help="page in docs/runbooks")] = None,
    link: Annotated[str | None, typer.Option(help="where the log is")] = None,
) -> None:
    """Something is wrong (still)."""
    read(AlertSettings)
    raise_fault(Fault(key, severity, title, detail or title, owner, playbook, link))
    _exit()


@app.command("resolve")
def resolve_one(key: Key, detail: Annotated[str, typer.Option(help="what mended it")] = "") -> None:
    """It is well again."""
    read(AlertSettings)
    resolve_fault(key, detail)
    _exit()


@app.command("list")
def list_open() -> None:
    """What is wrong now, oldest first, and what could not be told yet."""
    faults = open_faults()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("since (UTC)", "times", "severity", "key", "detail"):
        table.add_column(name, overflow="fold")
    for one in faults:
        since = f"{datetime.fromisoformat(one.first_seen):%Y-%m-%d %H:%M}"
        table.add_row(since, str(one.occurrences), one.severity, one.key, one.detail.split("\n")[0])
    console.print(table if faults else "Nothing is wrong.")
    for channel, count, error in outbox.waiting():
        console.print(f"{count} messages wait for {channel}: {error or 'not tried yet'}", highlight=False)


@app.command()
def deliver() -> None:
    """Send what could not be sent before."""
    if outbox.exists():
        outbox.deliver(read(AlertSettings))
    _exit()


@app.command()
def test() -> None:
    """Send a test message over each configured channel, and say whether it was taken."""
    settings = read(AlertSettings)
    if not settings.channels:
        console.print("No channel is configured: set ALERT_WEBHOOK_URL, or ALERT_EMAIL_TO with SMTP_HOST.")
        raise typer.Exit(2)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    message = {
        "event": "raised", "key": "test", "severity": "warning", "title": "A test of Meterhouse's alerts",
        "detail": "Nothing is wrong: somebody ran `python -m alerting test`.", "owner": "operations", "playbook": None,
        "link": None, "occurrences": 1, "first_seen": at, "last_seen": at,
    }  # fmt: skip
    wrong = {channel: send(channel, message, settings) for channel in settings.channels}
    for channel, error in wrong.items():
        console.print(f"{channel}: {error or 'taken'}", highlight=False)
    raise typer.Exit(1 if any(wrong.values()) else 0)


def _exit() -> None:
    """1 when a channel did not take something; what another process is sending at this moment is no fault."""
    refused = [(channel, count, error) for channel, count, error in outbox.waiting() if error]
    for channel, count, error in refused:
        print(f"{count} messages wait for {channel}: {error}", file=sys.stderr)
    if refused:
        raise typer.Exit(1)


def main() -> int:
    try:
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
