"""What can go wrong on the wire, on demand. Each function makes one act; `Station.fault` says when it happens.

server.fault(status(429, retry_after=1), match="$offset=1000", times=2)
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """One answer before it is put on the wire. `content_length` says something else than the body when given."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json;charset=utf-8"})
    content_length: int | None = None


class Exchange(Protocol):
    """One request that a fault may answer in its own way."""

    def answer(self) -> Answer:
        """What the server would say if all were well."""
        ...

    def send(self, answer: Answer, *, pause: float = 0.0, piece: int = 0, close: bool = False) -> None:
        """Puts an answer on the wire, in pieces with pauses when asked; `close` ends the connection after it."""
        ...

    def wait(self, seconds: float) -> None:
        """Sleeps, but wakes when the server stops."""
        ...


Act = Callable[[Exchange], None]


def status(code: int, retry_after: str | float | None = None, body: object | None = None) -> Act:
    """An error status with a JSON body (202, 401, 403, 404, 429, 500, 503 ...)."""

    def act(exchange: Exchange) -> None:
        headers = {"Content-Type": "application/json;charset=utf-8"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        content = {"code": f"simulated_{code}", "error": True, "message": f"simulated {code}"} if body is None else body
        exchange.send(Answer(code, json.dumps(content).encode(), headers))

    return act


def hang(seconds: float = 30.0) -> Act:
    """No byte for so long, then the connection closes without an answer."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.send(Answer(0), close=True)

    return act


def drip(pause: float = 0.3, piece: int = 1) -> Act:
    """The right answer, a few bytes at a time: no single read times out."""

    def act(exchange: Exchange) -> None:
        exchange.send(exchange.answer(), pause=pause, piece=piece, close=True)

    return act


def cut_short(keep: float = 0.5) -> Act:
    """Only a part of the body arrives, less than Content-Length promised."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        body = answer.body[: int(len(answer.body) * keep)]
        exchange.send(replace(answer, body=body, content_length=len(answer.body)), close=True)

    return act


def cut_at_row(keep: float = 0.5) -> Act:
    """A part of the rows as valid JSON without Content-Length: only a count can tell."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        rows = json.loads(answer.body)
        body = json.dumps(rows[: int(len(rows) * keep)]).encode()
        exchange.send(replace(answer, body=body, content_length=-1), close=True)

    return act


def truncated_gzip(keep: float = 0.5) -> Act:
    """A gzip stream that ends early with a Content-Length that matches: requests raises nothing."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        packed = gzip.compress(answer.body, 1, mtime=0)
        body = packed[: int(len(packed) * keep)]
        exchange.send(replace(answer, body=body, headers={**answer.headers, "Content-Encoding": "gzip"}))

    return act


def login_page() -> Act:
    """A proxy's HTML login page with status 200."""

    def act(exchange: Exchange) -> None:
        html = b"<!DOCTYPE html><html><body><form action='/login'>Please sign in</form></body></html>"
        exchange.send(Answer(200, html, {"Content-Type": "text/html; charset=utf-8"}))

    return act


def error_object() -> Act:
    """A JSON error object with status 200."""
    return status(200, body={"code": "internal_error", "error": True, "message": "simulated error with status 200"})


def empty_body(content_type: str | None = "application/json;charset=utf-8", code: int = 200) -> Act:
    """Status 200 (or 204) and not one byte."""

    def act(exchange: Exchange) -> None:
        exchange.send(Answer(code, b"", {"Content-Type": content_type} if content_type else {}))

    return act


def without_content_type() -> Act:
    """The right body and no Content-Type."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
        exchange.send(replace(answer, headers=headers))

    return act


def body(content: bytes, content_type: str = "application/json;charset=utf-8", code: int = 200) -> Act:
    """Whatever bytes a test wants."""

    def act(exchange: Exchange) -> None:
        exchange.send(Answer(code, content, {"Content-Type": content_type}))

    return act


def redirect(location: str, code: int = 302) -> Act:
    """Sends the client elsewhere."""

    def act(exchange: Exchange) -> None:
        exchange.send(Answer(code, b"", {"Location": location}))

    return act


def short_page(rows: int) -> Act:
    """Fewer rows than asked for although more follow: a short page is not the last page."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        lines = answer.body.rstrip().removeprefix(b"[").removesuffix(b"]").split(b"\n,")
        exchange.send(replace(answer, body=b"[" + b"\n,".join(lines[:rows]) + b"]\n"))

    return act


def lying_count(count: int) -> Act:
    """A count that is not the number of rows."""
    return status(200, body=[{"count": str(count)}])


def slow(seconds: float) -> Act:
    """The right answer after a while."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.send(exchange.answer())

    return act


def meanwhile(happening: Callable[[], object]) -> Act:
    """The right answer, given after something happened to the data set (rows inserted, deleted, republished)."""

    def act(exchange: Exchange) -> None:
        happening()
        exchange.send(exchange.answer())

    return act


def afterwards(happening: Callable[[], object]) -> Act:
    """The right answer, and something happens to the data set before the next request."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        happening()
        exchange.send(answer)

    return act


BY_NAME: dict[str, Callable[..., Act]] = {
    "status": status,
    "hang": hang,
    "drip": drip,
    "cut_short": cut_short,
    "cut_at_row": cut_at_row,
    "truncated_gzip": truncated_gzip,
    "login_page": login_page,
    "error_object": error_object,
    "empty_body": empty_body,
    "without_content_type": without_content_type,
    "redirect": redirect,
    "short_page": short_page,
    "lying_count": lying_count,
    "slow": slow,
}
"""The acts that another process can ask for through `POST /simulator/fault`."""
