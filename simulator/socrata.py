"""A loopback Socrata: serves the bills of a sample world as SODA 2.x, and misbehaves on demand.

``with serve(Path("data/sample")) as server:`` gives `server.domain` for SOCRATA_DOMAIN, `server.log` of what was asked,
`server.fault(...)` with the acts of `wire_faults`, `server.advance()` to the next edition, and the knobs of `Portal`.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from simulator.portal import Portal, Request
from simulator.wire_faults import BY_NAME, Answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Portal
    request_line: Request

    def do_GET(self) -> None:
        self.request_line = self.state.record(self.command, self.path, dict(self.headers.items()))
        act = self.state.due(self.request_line)
        try:
            if act is None:
                self.send(self.answer())
            else:
                act(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Steering from another process: `/simulator/` and advance, republish, fault, clear or knobs. Not logged."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        order = json.loads(content) if content else {}
        steer: dict[str, Callable[[], object]] = {
            "/simulator/advance": self.state.advance,
            "/simulator/republish": self.state.republish,
            "/simulator/clear": self.state.clear_faults,
            "/simulator/fault": lambda: self.state.fault(
                BY_NAME[order.pop("name")](**order.pop("arguments", {})), **order
            ),
            "/simulator/knobs": lambda: self.state.turn(**order),
        }
        if self.path not in steer:
            self.send(Answer(404))
            return
        try:
            steer[self.path]()
        except (KeyError, TypeError, ValueError) as problem:
            self.send(Answer(400, json.dumps({"error": True, "message": str(problem)}).encode()))
            return
        self.send(Answer(200, b"{}"))

    # -- wire_faults.Exchange ---------------------------------------------------------------------------------------

    def answer(self) -> Answer:
        return self.state.answer(self.request_line)

    def wait(self, seconds: float) -> None:
        self.state.stopping.wait(seconds)

    def send(self, answer: Answer, *, pause: float = 0.0, piece: int = 0, close: bool = False) -> None:
        self.close_connection = self.close_connection or close
        if answer.status == 0:
            return
        answer = self._packed(answer)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.content_length is None else answer.content_length
        if length < 0:
            self.close_connection = True
        elif answer.status != 204:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if not piece:
            self.wfile.write(answer.body)
            return
        for start in range(0, len(answer.body), piece):
            self.wfile.write(answer.body[start : start + piece])
            if self.state.stopping.wait(pause):
                return

    def _packed(self, answer: Answer) -> Answer:
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        is_plain = "Content-Encoding" not in answer.headers and answer.content_length is None
        if not (accepts and is_plain and self.state.gzip_level and len(answer.body) > 1024):
            return answer
        packed = gzip.compress(answer.body, self.state.gzip_level, mtime=0)
        return replace(answer, body=packed, headers={**answer.headers, "Content-Encoding": "gzip"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the log is `Portal.log`."""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class RunningServer(Portal):
    """A server that listens. `domain` is what `SOCRATA_DOMAIN` wants, `host` what sodapy wants."""

    def __init__(self, world: Path, *, port: int = 0, generation: int = 1) -> None:
        super().__init__(world, generation=generation)
        handler = type("Handler", (_Handler,), {"state": self})
        self.http = _Http(("127.0.0.1", port), handler)
        self.port = int(self.http.server_address[1])
        self.host = f"127.0.0.1:{self.port}"
        self.domain = f"http://{self.host}"


@contextmanager
def serve(world: Path, *, port: int = 0, generation: int = 1) -> Iterator[RunningServer]:
    """A running loopback Socrata over a made world; stops when the block ends, hanging requests included."""
    server = RunningServer(world, port=port, generation=generation)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()
