"""The connections of one HTTP client: secrets are added to what they write, and another thread can end them.

A thread that waits for a silent server cannot be told to stop, as no signal reaches it; the end of its connection does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode
from weakref import WeakSet

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


class Connections(HTTPAdapter):
    """Keeps up to `most` open per host. `secrets` join the query as a request's first line is written."""

    def __init__(self, most: int, secrets: Mapping[str, str] | None = None) -> None:
        query = urlencode(secrets or {})
        register = self._register

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                register(self.sock)

            def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
                super().putrequest(method, _joined(url, query), *args, **kwargs)

        class Encrypted(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                register(self.sock)

            def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
                super().putrequest(method, _joined(url, query), *args, **kwargs)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Encrypted

        self._pools = {"http": PlainPool, "https": EncryptedPool}
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock, self._is_over = threading.Lock(), False
        super().__init__(pool_maxsize=most)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def end(self) -> None:
        """Hangs up every connection, and each new one: whoever waits for an answer gets an error."""
        with self._lock:
            self._is_over = True
            for one in self._sockets:
                _hang_up(one)

    def _register(self, one: socket.socket | None) -> None:
        if one is not None:
            with self._lock:
                self._sockets.add(one)
                if self._is_over:
                    _hang_up(one)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):  # closed by the other side meanwhile
        # Of the bare socket: that of TLS would take its state from under the thread that reads it.
        socket.socket.shutdown(one, socket.SHUT_RDWR)


def _joined(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
