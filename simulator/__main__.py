"""The command line of the sample world: make it, serve it, run a command against it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from simulator.systems import systems
from simulator.world import (
    DEFAULT_WORLD,
    NOW,
    ROOT,
    Size,
    make_day,
    make_faults,
    make_world,
    sample,
    settings_for,
    size_of,
)

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
World = Annotated[Path, typer.Option("--world", help="Folder of a world that `make` wrote.")]


def _day(value: str | date) -> date:
    """Typer hands the default through the parser too."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def _instant(value: str) -> datetime:
    """An instant with its zone, or in UTC."""
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


Generation = Annotated[int, typer.Option(min=1, max=2, help="Which edition of the bills to begin with.")]
At = Annotated[
    datetime | None,
    typer.Option(
        parser=_instant, metavar="INSTANT", envvar=NOW, help="When to look at the world; its own now if not given."
    ),
]


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="Folder to write; a world that is there is replaced.")] = DEFAULT_WORLD,
    seed: int = Size.seed,
    bills: Annotated[int, typer.Option(min=300, help="Bills in the first edition.")] = Size.bills,
    meters: Annotated[int, typer.Option(min=1, help="Meter points with a file of reads.")] = Size.meters,
    half_hours: Annotated[int | None, typer.Option(min=1, help="About so many reads; decides the meters.")] = None,
    first_day: Annotated[date, typer.Option(parser=_day, metavar="DATE", help="First local day.")] = Size.starts_on,
    last_day: Annotated[date, typer.Option(parser=_day, metavar="DATE", help="Last local day.")] = Size.until,
    history_days: Annotated[
        int, typer.Option(min=4, help="At most so many last days of weather and gas.")
    ] = Size.history_days,
    faults: Annotated[bool, typer.Option("--faults", help="Also write the fault set, to OUT_faults.")] = False,
) -> None:
    """Write a sample world and its truth."""
    started = time.perf_counter()
    size = Size(seed=seed, bills=bills, meters=meters, starts_on=first_day, until=last_day, history_days=history_days)
    truth = make_world(out, size if half_hours is None else size.with_half_hours(half_hours))
    said = [s.summary(truth[s.truth_key or name]) for name, s in systems().items() if s.summary is not None]
    typer.echo(f"made {out} in {time.perf_counter() - started:.1f} s: {', '.join(said)}")
    if faults:
        folder = out.with_name(f"{out.name}_faults")
        make_faults(folder)
        typer.echo(f"made {folder}: broken and odd deliveries")


@app.command()
def day(
    day: Annotated[date, typer.Argument(parser=_day, metavar="DATE", help="The local day to deliver.")],
    out: Annotated[Path, typer.Option(help="Folder for one file per meter point.")],
    world: World = DEFAULT_WORLD,
) -> None:
    """Write a later delivery: one more day of reads for the meters of a world."""
    typer.echo(make_day(_made(world), day, out))


@app.command()
def serve(
    world: World = DEFAULT_WORLD,
    port: Annotated[int, typer.Option(help="Of the first server, the others follow; 0 takes free ones.")] = 0,
    generation: Generation = 1,
    at: At = None,
) -> None:
    """Serve a world on loopback until interrupted; prints the settings that point ingestion to it, a line each."""
    with sample(_made(world), now=at, generation=generation, port=port) as served:
        for name, value in served.settings.items():
            typer.echo(f"{name}={value}")
        typer.echo(f"serving {', '.join(served.servers)}; stop with Ctrl-C", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
    world: World = DEFAULT_WORLD,
    generation: Generation = 1,
    at: At = None,
    env_file: Annotated[Path, typer.Option(help="Looked into for settings, as ingestion does.")] = ROOT / ".env",
) -> None:
    """Run a command with the settings of the sample world, which is served meanwhile.

    When one of those settings is set already (environment or .env), the command runs untouched: sample and real are
    never mixed. The exit code is the command's.
    """
    names = list(settings_for(world))
    in_file = {name.upper(): value for name, value in dotenv_values(env_file).items()}
    already = [name for name in names if os.environ.get(name) or in_file.get(name)]
    if already:
        typer.echo(f"simulator: {', '.join(already)} set already; the sample world stays out of the way", err=True)
        raise typer.Exit(_call(command, dict(os.environ)))
    with sample(_made(world), now=at, generation=generation) as served:
        raise typer.Exit(_call(command, {**os.environ, **served.settings}))


def _made(world: Path) -> Path:
    """The world, made when there is none, and made anew at its size when it lacks a system."""
    is_there = (world / "truth.json").exists()
    if not is_there or not all((world / name).is_dir() for name in systems()):
        typer.echo(f"simulator: making the sample world in {world}", err=True)
        make_world(world, size_of(world) if is_there else None)
    return world


def _call(command: list[str], environment: dict[str, str]) -> int:
    """Exit code of the command. Ctrl-C reaches it by itself; a polite end of ours is passed on to it."""
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        process = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        typer.echo(f"simulator: no such command: {command[0]}", err=True)
        return 127
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    # A child that died of signal n is reported the way shells do it.
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    app()
