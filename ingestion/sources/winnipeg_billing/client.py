"""sodapy, made safe in one place.

sodapy builds the addresses and SoQL parameters; this subclass replaces its `_perform_request`, because as it stands
(2.2.0, unmaintained since 2022) it reads each answer whole and turns it into Python objects, never tries twice, takes
202 for success and an empty body for a result, sets one time-out for everything, and lets `X-App-token` follow a
redirect to any host. Here an answer is a file on disk with its hash: the page as it came, for the lake.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn

import requests
import urllib3
from requests.adapters import HTTPAdapter
from sodapy import Socrata
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingestion.clients.content import BadContent, inflate
from ingestion.source import SourceError
from ingestion.sources.winnipeg_billing.settings import BillingSettings

log = logging.getLogger(__name__)

_PIECE = 1 << 16


@dataclass(frozen=True)
class Answer:
    """One answer on disk, whole and unpacked, with the field names its header gives (empty when it gives none)."""

    path: Path
    sha256: str
    bytes: int
    uri: str
    fields: tuple[str, ...]


class Again(SourceError):
    """A failure that may pass; `after` is how long the server asked to wait, in seconds."""

    def __init__(self, code: str, message: str, uri: str | None = None, after: float | None = None) -> None:
        super().__init__(code, message, uri)
        self.after = after


class SodaClient(Socrata):  # type: ignore[misc]
    """`get` and `get_metadata` of sodapy, each returning an Answer in `folder`. Raises SourceError, nothing else."""

    def __init__(self, settings: BillingSettings, folder: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        token = settings.socrata_app_token
        plain = {"prefix": "http://", "adapter": HTTPAdapter()} if settings.scheme == "http://" else None
        super().__init__(settings.host, token.get_secret_value() if token else None, session_adapter=plain)
        if settings.is_loopback:
            self.session.trust_env = False  # a proxy of the environment must not be asked for our own machine
        self.settings, self.folder, self.sleep = settings, folder, sleep
        self._count = 0

    def _perform_request(self, request_type: str, resource: str, **kwargs: Any) -> Answer:
        if request_type != "get":
            raise ValueError("this client only reads")
        tries = Retrying(
            retry=retry_if_exception_type(Again),
            stop=stop_after_attempt(self.settings.socrata_tries),
            wait=self._pause,
            sleep=self.sleep,
            reraise=True,
        )
        answer: Answer = tries(self._once, resource, kwargs.get("params"))
        return answer

    def _pause(self, state: RetryCallState) -> float:
        """What the server asked for, else exponential with jitter; never longer than the cap."""
        error = state.outcome.exception() if state.outcome else None
        cap = self.settings.socrata_wait_cap_seconds
        pause = wait_random_exponential(multiplier=self.settings.socrata_wait_seconds, max=cap)(state)
        if isinstance(error, Again):
            pause = min(cap, error.after) if error.after is not None else pause
            log.warning("%s; trying again in %.1f s", error, pause)
        return pause

    def _once(self, resource: str, params: dict[str, Any] | None) -> Answer:
        request = requests.Request("GET", f"{self.uri_prefix}{self.domain}{resource}", params=params)
        uri = request.prepare().url or ""
        started = time.monotonic()
        try:
            with self.session.get(
                uri,
                headers={"Accept-Encoding": "gzip"},
                timeout=(self.settings.socrata_connect_seconds, self.settings.socrata_read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                _check(response, uri)
                return self._receive(response, uri, started)
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            self._lost(SourceError, "SOURCE_TLS", "no trusted encrypted connection", uri, error)
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            self._lost(Again, "SOURCE_TIMEOUT", "no answer in time", uri, error)
        except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
            self._lost(Again, "SOURCE_CUT_BODY", "the answer ended early", uri, error)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            self._lost(Again, "SOURCE_UNREACHABLE", "no connection", uri, error)

    def _lost(self, kind: type[SourceError], code: str, what: str, uri: str, error: Exception) -> NoReturn:
        # Only the kind of error is told: its text may hold more than an address.
        raise kind(code, f"{what} from {self.domain} ({type(error).__name__})", uri) from None

    def _receive(self, response: requests.Response, uri: str, started: float) -> Answer:
        """Streams the body to disk; only a body that is whole comes back."""
        packed = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in ("gzip", "identity"):
            raise SourceError("PROTOCOL_CONTENT_ENCODING", f"body is {packed!r}, asked for gzip", uri)
        pieces = self._pieces(response, uri, started)
        self._count += 1
        path, digest, size = self.folder / f"answer-{self._count}.json", hashlib.sha256(), 0
        first, last = b"", b""
        try:
            with path.open("wb") as file:
                for piece in inflate(pieces) if packed == "gzip" else pieces:
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
        is_rows = "/resource/" in uri
        if not first:
            raise SourceError("PROTOCOL_EMPTY_BODY", f"status {response.status_code} and no body", uri)
        if first != (b"[" if is_rows else b"{"):
            code = "PROTOCOL_NOT_A_LIST" if is_rows else "PROTOCOL_NOT_AN_OBJECT"
            raise SourceError(code, f"body begins with {first!r}{_said(path.read_bytes()[:65536])}", uri)
        if last != (b"]" if is_rows else b"}"):
            raise Again("SOURCE_CUT_BODY", f"the answer ended early, after {size} bytes", uri)
        return Answer(path, digest.hexdigest(), size, uri, _fields(response.headers.get("X-SODA2-Fields")))

    def _pieces(self, response: requests.Response, uri: str, started: float) -> Iterator[bytes]:
        limit = self.settings.socrata_page_seconds
        # read1 returns what is there: read would wait for a full piece, for hours if the server drips.
        while piece := response.raw.read1(_PIECE, decode_content=False):
            if time.monotonic() - started > limit:
                raise SourceError("SOURCE_DEADLINE", f"one answer took longer than {limit:g} s", uri)
            yield piece


def _check(response: requests.Response, uri: str) -> None:
    """Raises what the status or the content type says; returns for a 200 that promises JSON."""
    status, kind = response.status_code, response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if status == 200:
        if not kind or not re.fullmatch(r"application/(?:[\w.+-]+\+)?json|text/plain", kind):
            raise SourceError("PROTOCOL_CONTENT_TYPE", f"body is {kind or 'of no type'!r}, JSON was asked for", uri)
        return
    if 300 <= status < 400:
        raise SourceError("PROTOCOL_REDIRECT", f"status {status}; redirects are refused, correct SOCRATA_DOMAIN", uri)
    if status == 204:
        raise SourceError("PROTOCOL_EMPTY_BODY", "status 204 and no body", uri)
    said = f"status {status}{_said(response.raw.read(65536, decode_content=True) or b'')}"
    after = _retry_after(response.headers.get("Retry-After"))
    if status == 429:
        raise Again(
            "SOURCE_RATE_LIMITED", f"{said}; an app token in SOCRATA_APP_TOKEN gives a pool of its own", uri, after
        )
    if status == 202 or status >= 500:
        raise Again("SOURCE_NOT_READY" if status == 202 else "SOURCE_UNAVAILABLE", said, uri, after)
    if status in (401, 403):
        raise SourceError("DENIED_SOURCE", f"{said}; check SOCRATA_APP_TOKEN", uri)
    if status in (404, 410):
        raise SourceError("CONFIG_DATASET_NOT_FOUND", f"{said}; check SOCRATA_DOMAIN and SOCRATA_DATASET_ID", uri)
    raise SourceError("PROTOCOL_STATUS", said, uri)


def _said(body: bytes) -> str:
    """The error code of a Socrata error body, in its current or older form; its free text stays out of our messages."""
    with suppress(ValueError, RecursionError):
        told = json.loads(body)
        code = str((told.get("errorCode") or told.get("code") or "") if isinstance(told, dict) else "")
        if re.fullmatch(r"[\w.:-]{1,80}", code):
            return f" ({code})"
    return ""


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date, as seconds from now; None when absent or unreadable."""
    with suppress(TypeError, ValueError):
        return max(0.0, float(value or ""))
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(value or "") - datetime.now(UTC)).total_seconds())
    return None


def _fields(header: str | None) -> tuple[str, ...]:
    with suppress(ValueError, RecursionError):
        found = json.loads(header or "[]")
        if isinstance(found, list):
            return tuple(str(name) for name in found)
    return ()
