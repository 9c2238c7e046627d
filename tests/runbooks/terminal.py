"""A shell that stays open, in a house of the sample world: what a page says to type is typed into it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 400


@dataclass(frozen=True)
class Command:
    """A line of an ```sh block, and the exit code that its comment gives (0 without one)."""

    line: str
    code: int


@dataclass(frozen=True)
class Step:
    """An ```sh block, and the fragments of the ```text block after it that its output shows, in this order."""

    commands: tuple[Command, ...]
    shown: tuple[str, ...]


def steps(page: Path) -> list[Step]:
    blocks = re.findall(r"```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", page.read_text(encoding="utf-8"), re.DOTALL)
    return [
        Step(tuple(_command(line) for line in typed.splitlines() if line.strip()), tuple(shown.splitlines()))
        for typed, shown in blocks
    ]


def _command(line: str) -> Command:
    typed, _, comment = line.partition("  #")
    code = re.search(r"exit code (\d+)", comment)
    return Command(typed.strip(), int(code[1]) if code else 0)


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """Fragments that stand in no line after that of the one before them; blanks count as one, `…` as anything."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    lacking, place = [], 0
    for fragment in shown:
        wanted = re.compile(".*?".join(re.escape(" ".join(part.split())) for part in fragment.split("…")))
        found = next((number for number in range(place, len(lines)) if wanted.search(lines[number])), None)
        if found is None:
            lacking.append(fragment)
        else:
            place = found + 1
    return lacking


class Terminal:
    """bash with the sample world served; settings and folder stay from one command to the next."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def type(self, command: Command) -> str:
        """What the command printed, both streams; fails when its exit code is another than the page says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        mark = f"end-of-command-{secrets.token_hex(8)}"
        self.process.stdin.write(f"{command.line} </dev/null 2>&1\necho {mark} $?\n")
        self.process.stdin.flush()
        watch = threading.Timer(SECONDS, os.killpg, (self.process.pid, signal.SIGKILL))
        watch.start()
        said: list[str] = []
        try:
            for line in self.process.stdout:
                if line.startswith(mark):
                    code = int(line.split()[1])
                    output = "".join(said)
                    assert code == command.code, f"{command.line} ended with {code}, not {command.code}:\n{output}"
                    return output
                said.append(line)
        finally:
            watch.cancel()
        raise AssertionError(f"the shell ended during {command.line}:\n{''.join(said)}")


@contextmanager
def terminal(world: Path, env: dict[str, str]) -> Iterator[Terminal]:
    process = subprocess.Popen(
        [
            "python", "-m", "simulator", "run", "--world", str(world), "--env-file", os.devnull, "--",
            "bash", "--noprofile", "--norc",
        ],
        cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Terminal(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
