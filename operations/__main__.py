"""python -m operations roles|backup|backups|restore|drill: for the people who run the house.

Exit codes: 0 done, 1 failed (or the drill found a difference, or no backup is good), 2 usage or configuration, 75
another run holds the warehouse.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingestion.errors import LandingError
from ingestion.settings import LandingSettings, absolute, read
from ingestion.warehouse import WarehouseSettings
from operations.settings import passwords
from publishing.records import backup_ended, recorded, warehouse_name

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
# Away from a terminal nobody gains from lines cut at 80 characters.
console = Console() if sys.stdout.isatty() else Console(width=160)

warnings: list[str] = []
"""Said last: the first line of standard error is what ended the command."""


def say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


Wait = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="how long to wait for a landing to end")]


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


@app.command()
def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="where backups are kept; default <METERHOUSE_DATA>/backups")
    ] = None,
    with_lake: Annotated[
        bool, typer.Option("--with-lake", help="copy the lake's files too, not only their list")
    ] = False,
    wait: Wait = 0,
) -> None:
    """Back up the warehouse, the published copy and the pseudonym key into a new folder, and list the lake's files."""
    from operations.backup import make

    with recorded("backup", warehouse_name(), warnings.append) as record:
        made = make(folder, with_lake=with_lake, wait=wait, run_id=record.run_id)
        manifest = made.manifest
        rows = sum(manifest.tables.values())
        record.subject, record.row_count = made.folder.name, rows
    say(f"Backed up {manifest.warehouse}: {len(manifest.tables)} tables, {rows:,} rows, {manifest.bytes / 1e6:,.1f} MB")
    for part in manifest.parts:
        say(f"  {part.name}: {part.bytes:,} bytes{', secret' if part.secret else ''}")
    how = "copied" if manifest.lake.copied else "listed, not copied"
    say(f"  lake {manifest.lake.url}: {manifest.lake.files:,} files {how}")
    if manifest.lake.missing:
        say(f"  warning: {manifest.lake.missing:,} files that were landed are not in the lake as they were")
    say("It holds personal data and the pseudonym key: keep it where only those may look who may see both.")
    say(str(made.folder))


@app.command()
def backups(
    folder: Annotated[
        Path | None, typer.Argument(help="where backups are kept; default <METERHOUSE_DATA>/backups")
    ] = None,
) -> None:
    """List the backups of a folder, oldest first, each compared with its hashes; exit code 1 when none is good."""
    from operations.backup import backups_folder, found_in

    found = found_in(absolute(folder) if folder else backups_folder())
    for each in found:
        if each.fault or each.manifest is None:
            say(f"{each.folder}  not good: {each.fault}")
        else:
            say(
                f"{each.folder}  good, {each.manifest.engine} of {each.manifest.made_at}, "
                f"{each.manifest.bytes / 1e6:,.1f} MB"
            )
    if not any(each.fault is None for each in found):
        say("There is no good backup here.")
        raise typer.Exit(1)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="one backup, as `backups` lists it")],
    replace: Annotated[
        bool, typer.Option("--replace", help="even where the warehouse is not empty; what is there is kept aside")
    ] = False,
    wait: Wait = 0,
) -> None:
    """Restore a backup into the warehouse that is set. On PostgreSQL connect (PG*) as the administrator."""
    from operations.restore import restore as restore_backup

    with recorded("restore", absolute(folder).name, warnings.append) as record:
        done = restore_backup(folder, read(WarehouseSettings), read(LandingSettings), replace=replace, wait=wait)
        record.row_count = done.rows
        if done.manifest.run_id:
            made = (done.manifest.run_id, absolute(folder).name, done.rows, done.manifest.made_at)
            record.statements.append(backup_ended(*made))
    say(f"Restored {done.where} as of {done.manifest.made_at}: {len(done.manifest.tables)} tables, {done.rows:,} rows")
    for kept in done.kept:
        say(f"  what was there before is kept: {kept}")
    for note in done.notes:
        say(f"  {note}")


@app.command()
def drill(wait: Wait = 0) -> None:
    """Back up, restore into another place, compare every value of every table; exit code 1 when they differ."""
    from operations.drill import drill as run_drill

    with recorded("drill", warehouse_name(), warnings.append) as record:
        outcome = run_drill(wait)
        record.row_count = outcome.rows
        if outcome.differing:
            first = next(iter(outcome.differing))
            said = f"{len(outcome.differing)} of {outcome.tables} tables differ, first {first}"
            record.fail("DRILL_DIFFERS", f"{said}; do not rely on backups until it is known why")
    said = f"{outcome.tables} tables ({outcome.marts} marts), {outcome.rows:,} rows, {outcome.bytes / 1e6:,.1f} MB"
    if not outcome.differing:
        say(f"The restored warehouse is equal: {said}")
        return
    say(f"The restored warehouse differs in {len(outcome.differing)} of {said}")
    for name, (before, after) in outcome.differing.items():
        counts = [f"{content.rows:,} rows" if content else "absent" for content in (before, after)]
        say(f"  {name}: {counts[0]}, restored {counts[1]}")
    raise typer.Exit(1)


def run() -> int:
    """Runs the command line; every expected failure is one line on standard error and an exit code."""
    # Told to stop: as Ctrl-C, so that what was begun is cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except LandingError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        for warning in warnings:
            print(warning, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run())
