"""One HTTP GET, patient and bounded: the answer is a whole file on disk with its hash, or an error that says why not.

What libraries leave open is closed here. An answer is streamed, unpacked with a cap and checked for its end; it has a
deadline as a whole, as a server that drips never meets the limit for a single read; what may pass is tried again, after
as long as the server asks for; redirects are refused, since a token would go along; a proxy is never asked for this
machine. A secret that the server wants in its query string is put there by the connection itself, on the way out: no
other layer has it in an address, so no log (urllib3's at DEBUG included), no exception and no stored address can tell.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingestion.clients.connections import Connections
from ingestion.clients.content import MOST_BYTES, BadContent, inflate
from ingestion.source import SourceError

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost")
AGENT = "meterhouse (a utility landing public data)"

_PIECE = 1 << 16
_HOST = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?")


@dataclass(frozen=True)
class Patience:
    """How long to wait for what. Seconds are those of a polite client of a public server; tests shorten them."""

    connect_seconds: float = 10
    read_seconds: float = 60
    answer_seconds: float = 300
    """For one answer as a whole."""
    tries: int = 5
    wait_seconds: float = 1
    """First pause between tries; later ones double, with jitter."""
    wait_cap_seconds: float = 120


@dataclass(frozen=True)
class Expects:
    """What a server's answers are, and what its refusals mean to whoever has to act on them."""

    kind: str
    """In words: `JSON`."""
    content_types: str
    """A regular expression for the whole content type, parameters aside."""
    codes: Mapping[int, str] = field(default_factory=dict)
    """The code of a status for which this server has a meaning of its own."""
    advice: Mapping[int, str] = field(default_factory=dict)
    """What to do next, by status; 300 stands for every redirect."""
    said: Callable[[bytes], str] = lambda body: ""
    """A word from an error's body for the message. Free text stays out: it may repeat what was sent."""
    most_bytes: int = MOST_BYTES
    """Longer answers, packed or not, are none of this server's."""


@dataclass(frozen=True)
class Answer:
    """One answer on disk, whole and unpacked."""

    path: Path
    sha256: str
    size: int
    """In bytes."""
    uri: str
    """The address that was asked, without secrets."""
    headers: Mapping[str, str]
    """Names in any case."""
    first: bytes
    """The first byte that is no blank, and the last; empty for an empty body."""
    last: bytes

    @property
    def is_delimited(self) -> bool:
        """Whether the server said where the body ends. If not, a lost connection looks like the end."""
        declared = self.headers.get("Transfer-Encoding", "") + self.headers.get("Content-Encoding", "")
        return "Content-Length" in self.headers or "chunked" in declared or "gzip" in declared

    @property
    def file_name(self) -> str | None:
        """The name that the server gives the file (Content-Disposition)."""
        message = Message()
        message["Content-Disposition"] = self.headers.get("Content-Disposition", "")
        return message.get_filename()

    @property
    def date(self) -> datetime | None:
        """When the server answered, by its own clock (UTC); None when it does not say."""
        with suppress(TypeError, ValueError):
            said = parsedate_to_datetime(self.headers.get("Date", ""))
            return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
        return None


class Again(SourceError):
    """A failure that may pass; `after` is how long the server asked to wait, in seconds."""

    def __init__(self, code: str, message: str, uri: str | None = None, after: float | None = None) -> None:
        super().__init__(code, message, uri)
        self.after = after


class Pacer:
    """Lets at most `calls` pass within any `seconds`, over all threads. Each waits for its turn."""

    def __init__(
        self,
        calls: int,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds, self.sleep, self.clock = seconds, sleep, clock
        self._turns: deque[float] = deque(maxlen=calls)
        self._lock = threading.Lock()

    @classmethod
    def of_rate(cls, per_second: float, sleep: Callable[[float], None] = time.sleep) -> Pacer:
        """One that keeps a rate, which may be less than one a second."""
        calls = max(1, int(per_second))
        return cls(calls, calls / per_second, sleep)

    def wait(self) -> None:
        """Returns when it is the caller's turn."""
        with self._lock:
            now = self.clock()
            full = len(self._turns) == self._turns.maxlen
            turn = max(now, self._turns[0] + self.seconds) if full else now
            self._turns.append(turn)
        if turn > now:
            self.sleep(turn - now)


class HttpClient:
    """GETs, each an Answer in `folder`. Raises SourceError, nothing else. Threads may share one.

    `session` brings headers of its own (a token); `secrets` are query parameters that only the server may read.
    """

    def __init__(
        self,
        folder: Path,
        patience: Patience,
        expects: Expects,
        *,
        session: requests.Session | None = None,
        secrets: Mapping[str, str] | None = None,
        pacer: Pacer | None = None,
        connections: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder, self.patience, self.expects, self.pacer, self.sleep = folder, patience, expects, pacer, sleep
        self.session = session or requests.Session()
        self.session.headers["User-Agent"] = AGENT
        self._connections = Connections(connections, secrets)
        self.session.mount("http://", self._connections)
        self.session.mount("https://", self._connections)
        self._numbers = itertools.count(1)

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def end(self) -> None:
        """Ends what other threads ask for at this moment, and lets them ask for nothing more."""
        self._connections.end()

    def get(
        self, url: str, params: Mapping[str, Any] | None = None, accept: Callable[[Answer], None] = lambda answer: None
    ) -> Answer:
        """The whole answer. `accept` may refuse one with a SourceError; with `Again`, it is asked for once more."""
        uri = requests.Request("GET", url, params=params).prepare().url or ""
        tries = Retrying(
            retry=retry_if_exception_type(Again),
            stop=stop_after_attempt(self.patience.tries),
            wait=self._pause,
            sleep=self.sleep,
            reraise=True,
        )
        return tries(self._once, uri, accept)

    def _pause(self, state: RetryCallState) -> float:
        """What the server asked for, else exponential with jitter; never longer than the cap."""
        error = state.outcome.exception() if state.outcome else None
        cap = self.patience.wait_cap_seconds
        pause = wait_random_exponential(multiplier=self.patience.wait_seconds, max=cap)(state)
        if isinstance(error, Again):
            pause = min(cap, error.after) if error.after is not None else pause
            log.warning("%s; trying again in %.1f s", error, pause)
        return pause

    def _once(self, uri: str, accept: Callable[[Answer], None]) -> Answer:
        if self.pacer:
            self.pacer.wait()
        host = urlsplit(uri).netloc
        started = time.monotonic()
        try:
            with self.session.get(
                uri,
                headers={"Accept-Encoding": "gzip"},
                timeout=(self.patience.connect_seconds, self.patience.read_seconds),
                allow_redirects=False,
                stream=True,
                # No proxy of the environment is asked for our own machine.
                proxies={"http": "", "https": ""} if is_loopback(host) else None,
            ) as response:
                self._check(response, uri)
                answer = self._receive(response, uri, started)
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            _lost(SourceError, "SOURCE_TLS", "no trusted encrypted connection", uri, error)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            _lost(Again, "SOURCE_TIMEOUT", "no answer in time", uri, error)
        except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
            _lost(Again, "SOURCE_CUT_BODY", "the answer ended early", uri, error)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            _lost(Again, "SOURCE_UNREACHABLE", "no connection", uri, error)
        except ValueError as error:  # requests decodes the address of a redirect though it does not follow it
            _lost(SourceError, "PROTOCOL_HEADER", "a header that cannot be read", uri, error)
        accept(answer)
        return answer

    def _check(self, response: requests.Response, uri: str) -> None:
        """Raises what the status or the content type says; returns for a 200 that promises what was asked for."""
        status = response.status_code
        told = self.expects.advice.get(300 if 300 <= status < 400 else status)
        advice = f"; {told}" if told else ""
        if status == 200:
            kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
            if not kind or not re.fullmatch(self.expects.content_types, kind):
                message = f"body is {kind or 'of no type'!r}, {self.expects.kind} was asked for"
                raise SourceError("PROTOCOL_CONTENT_TYPE", message, uri)
            return
        if 300 <= status < 400:
            raise SourceError("PROTOCOL_REDIRECT", f"status {status}; redirects are refused{advice}", uri)
        if status == 204:
            raise SourceError("PROTOCOL_EMPTY_BODY", "status 204 and no body", uri)
        body = response.raw.read(65536, decode_content=True) or b""
        said = f"status {status}{self.expects.said(body)}{advice}"
        after = _retry_after(response.headers.get("Retry-After"))
        if status == 429:
            raise Again("SOURCE_RATE_LIMITED", said, uri, after)
        if status == 202 or status >= 500:
            raise Again("SOURCE_NOT_READY" if status == 202 else "SOURCE_UNAVAILABLE", said, uri, after)
        usual = "DENIED_SOURCE" if status in (401, 403) else "PROTOCOL_STATUS"
        raise SourceError(self.expects.codes.get(status, usual), said, uri)

    def _receive(self, response: requests.Response, uri: str, started: float) -> Answer:
        """Streams the body to disk; only a body that is whole comes back."""
        packed = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in ("gzip", "identity"):
            raise SourceError("PROTOCOL_CONTENT_ENCODING", f"body is {packed!r}, asked for gzip", uri)
        pieces = self._pieces(response, uri, started)
        path, digest, size = self.folder / f"answer-{next(self._numbers)}", hashlib.sha256(), 0
        first, last = b"", b""
        try:
            with path.open("wb") as file:
                for piece in inflate(pieces, self.expects.most_bytes) if packed == "gzip" else pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    first, last = first or piece.lstrip()[:1], piece.rstrip()[-1:] or last
        except BadContent as error:
            kind = Again if error.code == "DATA_GZIP_CUT" else SourceError
            code = "SOURCE_CUT_BODY" if kind is Again else error.code
            raise kind(code, error.message, uri) from None
        except OSError as error:  # what the network raises has been wrapped by urllib3: this is our disk
            raise SourceError("DISK_WRITE", f"cannot write {path}: {error.strerror}", uri) from None
        if not first:
            raise SourceError("PROTOCOL_EMPTY_BODY", f"status {response.status_code} and no body", uri)
        return Answer(path, digest.hexdigest(), size, uri, response.headers, first, last)

    def _pieces(self, response: requests.Response, uri: str, started: float) -> Iterator[bytes]:
        limit, taken = self.patience.answer_seconds, 0
        # read1 returns what is there: read would wait for a full piece, for hours if the server drips.
        while piece := response.raw.read1(_PIECE, decode_content=False):
            taken += len(piece)
            if time.monotonic() - started > limit:
                raise SourceError("SOURCE_DEADLINE", f"one answer took longer than {limit:g} s", uri)
            if taken > self.expects.most_bytes:
                raise SourceError("DATA_TOO_LARGE", f"one answer is longer than {self.expects.most_bytes} bytes", uri)
            yield piece


def base_url(value: str) -> str:
    """`https://host[:port]` of a setting; http is taken for loopback only, as secrets travel with the request.

    Raises ValueError, which repeats nothing of the value.
    """
    found = _HOST.fullmatch(value.strip())
    if not found:
        raise ValueError("give an address such as https://api.example.org, without path, user or password")
    if found[1] == "http" and found[2] not in LOOPBACK:
        raise ValueError("plain http is for 127.0.0.1 and localhost only")
    return f"{found[1] or 'https'}://{found[2]}{found[3] or ''}"


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` is this machine."""
    return host.rsplit(":", 1)[0] in LOOPBACK


def _lost(kind: type[SourceError], code: str, what: str, uri: str, error: Exception) -> NoReturn:
    # Only the kind of error is told: its text may hold more than an address.
    raise kind(code, f"{what} from {urlsplit(uri).netloc} ({type(error).__name__})", uri) from None


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date, as seconds from now; None when absent or unreadable."""
    with suppress(TypeError, ValueError):
        return max(0.0, float(value or ""))
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(value or "") - datetime.now(UTC)).total_seconds())
    return None
