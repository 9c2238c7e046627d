"""How much one caller may ask: calls in a minute, and bytes of a body."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.cache import Redis
from serving.api.errors import ApiError, refusal

WINDOW_SECONDS = 60
MAX_BODY = 64_000


class Calls(Protocol):
    is_waiting: bool
    """Whether `count` may wait for another machine."""

    def count(self, who: str) -> tuple[int, int]:
        """Counts a call; (calls in this window, seconds until the next one)."""
        ...


class CountedHere:
    """Counts of this process."""

    is_waiting = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._calls: dict[str, int] = {}

    def count(self, who: str) -> tuple[int, int]:
        window, left = _window()
        with self._lock:
            if window != self._window:
                self._window, self._calls = window, {}
            self._calls[who] = self._calls.get(who, 0) + 1
            return self._calls[who], left


class CountedInRedis:
    """Counts of all processes; those of this one while Redis does not answer."""

    is_waiting = True

    def __init__(self, cache: Redis) -> None:
        self._cache, self._here = cache, CountedHere()

    def count(self, who: str) -> tuple[int, int]:
        window, left = _window()
        here = self._here.count(who)
        name = f"meterhouse:calls:{window}:{who}"

        def counted() -> int:
            with self._cache.client.pipeline() as steps:
                steps.incr(name)
                steps.expire(name, 2 * WINDOW_SECONDS)
                return int(steps.execute()[0])

        return max(self._cache.attempt(counted) or 0, here[0]), left


def _window() -> tuple[int, int]:
    now = int(time.time())
    return now // WINDOW_SECONDS, WINDOW_SECONDS - now % WINDOW_SECONDS


async def hold(calls: Calls, who: str, at_most: int) -> None:
    """Raises ApiError 429 for the first call too many and every one after, until the window ends."""
    count, left = await run_in_threadpool(calls.count, who) if calls.is_waiting else calls.count(who)
    if count > at_most:
        message = f"{at_most} calls a minute are answered; come again in {left} s."
        raise ApiError(429, "TOO_MANY_CALLS", message, {"Retry-After": str(left)})


class BodyLimit:
    """Refuses a body above MAX_BODY before it is read whole, whatever its length claims to be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > MAX_BODY:
            await _too_large(scope, receive, send)
            return
        got: list[Message] = []
        size = 0
        while scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            message = await receive()
            got.append(message)
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                await _too_large(scope, receive, send)
                return
            if not message.get("more_body", False):
                break

        async def again() -> Message:
            return got.pop(0) if got else await receive()

        await self.app(scope, again, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await refusal(413, "BODY_TOO_LARGE", f"A body has at most {MAX_BODY:,} bytes.")(scope, receive, send)
