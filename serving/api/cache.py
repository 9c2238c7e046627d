"""Answers that are kept until another build is published: in this process, or in Redis for several.

An answer's name holds the publication, so that an old one can never be given; when a new publication is seen, those of
the one before are dropped. Without Redis, or while it does not answer, every answer is the same, only slower.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import Any, Protocol

from prometheus_client import Counter

log = logging.getLogger(__name__)

MAX_BYTES = 64_000_000
"""Of all answers that this process keeps."""
MAX_ANSWER = 8_000_000
KEPT_SECONDS = 24 * 3600
_PREFIX = "meterhouse:answers:"
_PAUSE = 5.0
"""Seconds for which a Redis that did not answer is left alone."""


class Cache(Protocol):
    kind: str

    def get(self, publication: str, name: str) -> bytes | None: ...

    def put(self, publication: str, name: str, body: bytes) -> None: ...

    def state(self) -> dict[str, Any]:
        """For people: what kind, how many answers, whether it answers."""
        ...


class Memory:
    """The least recently given answers go first."""

    kind = "memory"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._publication = ""
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, publication: str, name: str) -> bytes | None:
        with self._lock:
            self._follow(publication)
            if (body := self._kept.get(name)) is not None:
                self._kept.move_to_end(name)
            return body

    def put(self, publication: str, name: str, body: bytes) -> None:
        if len(body) > MAX_ANSWER:
            return
        with self._lock:
            if publication != self._publication:
                return
            self._bytes += len(body) - len(self._kept.pop(name, b""))
            self._kept[name] = body
            while self._bytes > MAX_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"kind": self.kind, "answers": len(self._kept), "bytes": self._bytes, "is_answering": True}

    def _follow(self, publication: str) -> None:
        if publication != self._publication:
            self._kept.clear()
            self._publication, self._bytes = publication, 0


class Redis:
    """A hash per publication; the one before is unlinked by whoever sees the new one first."""

    kind = "redis"

    def __init__(self, url: str, failures: Counter) -> None:
        import redis

        self._errors: type[Exception] = redis.RedisError
        self.client: Any = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._failures = failures
        self._publication = ""
        self._again_at = 0.0

    def get(self, publication: str, name: str) -> bytes | None:
        body: bytes | None = self.attempt(lambda: self._get(publication, name))
        return body

    def put(self, publication: str, name: str, body: bytes) -> None:
        if len(body) <= MAX_ANSWER:
            self.attempt(lambda: self._put(publication, name, body))

    def state(self) -> dict[str, Any]:
        answers = self.attempt(lambda: self.client.hlen(_PREFIX + self._publication))
        return {"kind": self.kind, "answers": answers or 0, "bytes": None, "is_answering": answers is not None}

    def _get(self, publication: str, name: str) -> bytes | None:
        if publication != self._publication:
            before = self.client.getset(f"{_PREFIX}now", publication)
            if before and before.decode() != publication:
                self.client.unlink(_PREFIX + before.decode())
            self._publication = publication
        body = self.client.hget(_PREFIX + publication, name)
        return bytes(body) if body is not None else None

    def _put(self, publication: str, name: str, body: bytes) -> None:
        with self.client.pipeline() as steps:
            steps.hset(_PREFIX + publication, name, body)
            steps.expire(_PREFIX + publication, KEPT_SECONDS)
            steps.execute()

    def attempt(self, what: Any) -> Any:
        """None while Redis does not answer: a cache that is away must not make an answer fail, nor wait each time."""
        if time.monotonic() < self._again_at:
            return None
        try:
            return what()
        except self._errors as error:
            self._again_at = time.monotonic() + _PAUSE
            self._failures.inc()
            log.warning("Redis does not answer (%s); going on without it", type(error).__name__)
            return None
