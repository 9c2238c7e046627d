"""The API of a house as it is started by hand, and keys to call it with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from serving.api.keys import Keys
from tests.end_to_end.conftest import ROOT, House

START_SECONDS = 60


@dataclass
class Api:
    """One that runs. `key` is the reader's."""

    address: str
    key: str
    operator: str
    folder: Path
    said: Path
    process: subprocess.Popen[bytes]
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, path: str, method: str = "GET", key: str | None = "", **more: Any) -> requests.Response:
        """The answer to the reader, or to another `key`; None sends none."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.key}"
        return self.session.request(method, self.address + path, headers=headers, timeout=60, **more)

    def rows(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of every page, one after another."""
        found: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            given = {**parameters, **({"after": after} if after else {})}
            answer = self.call(f"/api/v1/{path}", params=given)
            assert answer.status_code == 200, f"{answer.url}: {answer.text}"
            found += answer.json()["rows"]
            after = answer.json()["next_after"]
        return found


@contextmanager
def serving(house: House, folder: Path, before: Sequence[str] = (), **settings: str) -> Iterator[Api]:
    """Started on a free port, its folder its own; `before` stands in front of the command."""
    env = {**house.env, "METERHOUSE_DATA": str(folder), "API_CALLS_PER_MINUTE": "100000", **settings}
    keys = Keys(folder / "api" / "keys.json")
    if not keys.callers():
        (folder / "reader.key").write_text(keys.add("alice", "reader"))
        (folder / "operator.key").write_text(keys.add("olga", "operator"))
    said = folder / "api.said"
    command = [*before, sys.executable, "-m", "serving.api", "serve", "--port", "0"]
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"The API is at (\S+),", said.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        address = found.group(1)
        # An address that is said is one that answers: nobody is refused while the API starts.
        requests.get(f"{address}/health", timeout=START_SECONDS)
        yield Api(
            address, (folder / "reader.key").read_text(), (folder / "operator.key").read_text(), folder, said, process
        )
    finally:
        # As a terminal does: what stands before the command would else leave it behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
