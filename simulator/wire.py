"""A loopback HTTP server that misbehaves on demand: what the servers of all simulated systems share.

A system writes a `Station` with one method, `answer`; `listening(station)` puts it on the wire:

    with listening(Portal(folder)) as server:
        requests.get(f"{server.domain}/resource/...")
        server.fault(wire_faults.status(429, retry_after=1), match="cycle=1", times=2)
        assert [request.params["cycle"] for request in server.log] == ["1"]
"""

from __future__ import annotations

import email.utils
import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from simulator.wire_faults import BY_NAME, Act, Answer


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    number: int
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """Path and decoded query: what a fault's `match` looks into."""
        return self.path + "?" + "&".join(f"{name}={value}" for name, value in self.params.items())

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass
class _Planned:
    act: Act
    match: str
    after: int
    times: int | None


class Station:
    """What a server knows: the log of requests, the knobs, what is planned to go wrong. Knobs turn at any time."""

    KNOBS: ClassVar[frozenset[str]] = frozenset({"gzip_level", "extra_headers"})
    """What `turn`, and so another process, may set. A system adds its own."""

    def __init__(self) -> None:
        self.log: list[Request] = []
        self.gzip_level = 1
        """0 packs nothing."""
        self.extra_headers: dict[str, str] = {}
        self.now: datetime | None = None
        """The instant at which the system is looked at: its answers carry it as their Date. None: the clock's."""
        self.stopping = threading.Event()
        self.port = 0
        """Where it listens, once it does."""
        self._lock = threading.RLock()
        self._planned: list[_Planned] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def domain(self) -> str:
        """The address for a source's settings."""
        return f"http://{self.host}"

    def answer(self, request: Request) -> Answer:
        """What the system says if all is well."""
        raise NotImplementedError

    def fault(self, act: Act, *, match: str = "/", after: int = 0, times: int | None = 1) -> None:
        """Plans an act of `wire_faults` for requests whose path and decoded query contain `match`.

        The first `after` of them pass; then it happens `times` times (None: for ever). Earlier plans go first.
        """
        with self._lock:
            self._planned.append(_Planned(act, match, after, times))

    def clear_faults(self) -> None:
        with self._lock:
            self._planned.clear()

    def turn(self, **knobs: Any) -> None:
        """Sets knobs by name, for those who sit in another process."""
        unknown = set(knobs) - self.KNOBS
        if unknown:
            raise ValueError(f"no such knob: {', '.join(sorted(unknown))}; there are {', '.join(sorted(self.KNOBS))}")
        for name, value in knobs.items():
            setattr(self, name, value)

    def orders(self) -> dict[str, Callable[..., object]]:
        """What `POST /simulator/<order>` may ask for; the JSON object that is posted holds the arguments."""
        return {"fault": self._fault_by_name, "clear": self.clear_faults, "knobs": self.turn}

    def _fault_by_name(self, *, name: str, arguments: Mapping[str, Any] | None = None, **plan: Any) -> None:
        self.fault(BY_NAME[name](**arguments or {}), **plan)

    def due(self, request: Request) -> Act | None:
        """The act that this request meets, if any; counts it."""
        with self._lock:
            for planned in self._planned:
                if planned.match not in request.text or planned.times == 0:
                    continue
                if planned.after > 0:
                    planned.after -= 1
                    continue
                if planned.times is not None:
                    planned.times -= 1
                return planned.act
        return None

    def record(self, method: str, path: str, headers: Mapping[str, str]) -> Request:
        """Logs a request and numbers it from 1."""
        parts = urlsplit(path)
        with self._lock:
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(len(self.log) + 1, method, unquote_plus(parts.path), params, headers)
            self.log.append(request)
        return request


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    station: Station
    request_line: Request

    def do_GET(self) -> None:
        self.request_line = self.station.record(self.command, self.path, dict(self.headers.items()))
        act = self.station.due(self.request_line)
        try:
            if act is None:
                self.send(self.answer())
            else:
                act(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Steering from another process: `/simulator/<order>`. Not logged."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        order = self.station.orders().get(self.path.removeprefix("/simulator/"))
        if order is None:
            self.send(Answer(404))
            return
        try:
            order(**(json.loads(content) if content else {}))
        except (KeyError, TypeError, ValueError) as problem:
            self.send(Answer(400, json.dumps({"error": True, "message": str(problem)}).encode()))
            return
        self.send(Answer(200, b"{}"))

    # -- wire_faults.Exchange ---------------------------------------------------------------------------------------

    def answer(self) -> Answer:
        return self.station.answer(self.request_line)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer."""
        now = self.station.now
        if now is None:
            return super().date_time_string(timestamp)
        return email.utils.format_datetime(now.astimezone(UTC), usegmt=True)

    def wait(self, seconds: float) -> None:
        self.station.stopping.wait(seconds)

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
            if self.station.stopping.wait(pause):
                return

    def _packed(self, answer: Answer) -> Answer:
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        is_plain = "Content-Encoding" not in answer.headers and answer.content_length is None
        if not (accepts and is_plain and self.station.gzip_level and len(answer.body) > 1024):
            return answer
        packed = gzip.compress(answer.body, self.station.gzip_level, mtime=0)
        return replace(answer, body=packed, headers={**answer.headers, "Content-Encoding": "gzip"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the log is `Station.log`."""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


S = TypeVar("S", bound=Station)


@contextmanager
def listening(station: S, *, port: int = 0) -> Iterator[S]:
    """The station, answering on loopback (0 takes a free port); stops with the block, hanging requests included."""
    http = _Http(("127.0.0.1", port), type("Handler", (_Handler,), {"station": station}))
    station.port = int(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield station
    finally:
        station.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()
