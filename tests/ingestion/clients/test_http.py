"""What the shared HTTP client promises to every source: secrets stay on the wire, loopback needs no proxy."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestion.clients.http import Answer, Expects, HttpClient, Patience, base_url
from ingestion.source import SourceError
from simulator.wire import Request, Station, listening
from simulator.wire_faults import Answer as Said
from simulator.wire_faults import status

SECRET = {"appid": "canary & key/1"}
JSON = Expects("JSON", "application/json")
HASTY = Patience(connect_seconds=2, read_seconds=2, tries=2, wait_seconds=0.01, wait_cap_seconds=0.02)


class Echo(Station):
    body = b"{}"

    def answer(self, request: Request) -> Said:
        return Said(200, self.body)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with listening(Echo()) as running:
        yield running


def chain(error: BaseException | None) -> Iterator[str]:
    """Everything that a traceback or a debugger could show of an error."""
    while error is not None:
        yield f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_a_secret_reaches_the_server_and_nothing_else(
    echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with HttpClient(tmp_path, HASTY, JSON, secrets=SECRET) as client:
        answer = client.get(f"{echo.domain}/data", {"q": "a b"})
        plain = client.get(f"{echo.domain}/data")
        echo.fault(status(503, body={"url": "?appid=canary"}), times=None)
        with pytest.raises(SourceError) as refused:
            client.get(f"{echo.domain}/data", {"q": "a b"})
        with pytest.raises(SourceError) as lost:
            client.get("http://127.0.0.1:9/data")
    assert [request.params for request in echo.log[:2]] == [{"q": "a b", **SECRET}, SECRET]
    assert (answer.uri, plain.uri) == (f"{echo.domain}/data?q=a+b", f"{echo.domain}/data")
    assert "GET /data?q=a+b HTTP/1.1" in caplog.text
    told = [caplog.text, str(answer), *chain(refused.value), *chain(lost.value)]
    assert [text for text in told if "canary" in text] == []


def test_a_secret_goes_over_an_encrypted_connection_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None: ...

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-addext", "subjectAltName=DNS:localhost", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with HttpClient(tmp_path, HASTY, JSON, secrets=SECRET) as client:
            client.get(f"https://localhost:{server.server_address[1]}/data", {"q": "1"})
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with HttpClient(tmp_path, HASTY, JSON, secrets=SECRET) as client, pytest.raises(SourceError) as refused:
            client.get(f"https://localhost:{server.server_address[1]}/data")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert heard == ["/data?q=1&appid=canary+%26+key%2F1"]
    assert refused.value.code == "SOURCE_TLS"
    assert [text for text in (caplog.text, *chain(refused.value)) if "canary" in text] == []


@pytest.mark.parametrize(("gzip_level", "code"), [(0, "DATA_TOO_LARGE"), (1, "DATA_BOMB")])
def test_an_answer_that_is_longer_than_it_may_be_is_refused(
    gzip_level: int, code: str, echo: Echo, tmp_path: Path
) -> None:
    echo.gzip_level = gzip_level
    echo.body = b"{" + b" " * 200_000 + b"}"
    with HttpClient(tmp_path, HASTY, JSON) as client:
        assert client.get(echo.domain).size == 200_002
    small = replace(JSON, most_bytes=100_000)
    with HttpClient(tmp_path, HASTY, small) as client, pytest.raises(SourceError, match=code):
        client.get(echo.domain)


def test_a_request_that_waits_in_another_thread_can_be_ended(tmp_path: Path) -> None:
    """As when a run is stopped: the answer would be waited for ten minutes."""
    patient = replace(HASTY, read_seconds=600, tries=1)
    ended: list[SourceError] = []
    with socket.create_server(("127.0.0.1", 0)) as silent, HttpClient(tmp_path, patient, JSON) as client:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        def ask() -> None:
            with pytest.raises(SourceError) as error:
                client.get(url)
            ended.append(error.value)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it has asked
            client.end()
            asking.join(60)
            ask()
    assert [error.code for error in ended] == ["SOURCE_UNREACHABLE"] * 2


def test_no_proxy_is_asked_for_this_machine(echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get(echo.domain, timeout=2)
    with HttpClient(tmp_path, HASTY, JSON) as client:
        assert client.get(echo.domain).size == 2


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="OAC_TW_1_04-05-2021_Intraday 1.csv"', "OAC_TW_1_04-05-2021_Intraday 1.csv"),
        ("attachment; filename=plain.csv", "plain.csv"),
        ("attachment; filename*=UTF-8''Intraday%201.csv", "Intraday 1.csv"),
        ("inline", None),
    ],
)
def test_the_file_name_is_read_in_each_of_its_forms(header: str, name: str | None) -> None:
    answer = Answer(Path("x"), "", 0, "", {"Content-Disposition": header}, b"", b"")
    assert answer.file_name == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("api.example.org", "https://api.example.org"),
        ("https://api.example.org:8443/", "https://api.example.org:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
    ],
)
def test_an_address_is_a_host_with_its_scheme(value: str, expected: str) -> None:
    assert base_url(value) == expected


@pytest.mark.parametrize(
    "value",
    ["http://api.example.org", "https://u:canary@x.org", "https://x.org/canary", "ftp://x.org", "http://0x7f.1"],
)
def test_an_address_that_could_leak_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ValueError) as refused:
        base_url(value)
    assert "canary" not in str(refused.value)
