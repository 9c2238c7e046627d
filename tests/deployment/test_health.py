"""Health checks by wget: where a program is not here, its check still is, asked of a server that stands for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.deployment import compose
from tests.deployment.machine import Machine

BY_WGET = {
    name: service["healthcheck"]["test"][-1]
    for name, service in compose.load()["services"].items()
    if service.get("healthcheck", {}).get("test", [])[1:2] == ["wget"]
}


class Stand(BaseHTTPRequestHandler):
    healthy_path = ""
    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status if self.path == type(self).healthy_path else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[int, type[Stand]]]:
    kind = type("One", (Stand,), {})
    running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running.server_address[1], kind
    running.shutdown()
    running.server_close()


def test_the_services_that_are_asked_by_wget() -> None:
    assert sorted(BY_WGET) == [
        "docs", "grafana", "object-store", "pgadmin", "prometheus", "statsd-exporter", "warehouse-exporter",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(BY_WGET))
def test_a_check_tells_a_service_that_answers_from_one_that_is_ill_or_gone(
    name: str, new_machine: Callable[..., Machine], server: tuple[int, type[Stand]]
) -> None:
    port, stand = server
    address = urlsplit(BY_WGET[name])
    assert address.hostname == "127.0.0.1", "a service asks itself"
    machine = new_machine()
    machine.ports[name, address.port or 80] = port
    stand.healthy_path = address.path
    assert machine.health(name).returncode == 0
    stand.status = 503
    assert machine.health(name).returncode != 0
    stand.status, stand.healthy_path = 200, "/elsewhere"
    assert machine.health(name).returncode != 0
    machine = new_machine()
    assert machine.health(name).returncode != 0
