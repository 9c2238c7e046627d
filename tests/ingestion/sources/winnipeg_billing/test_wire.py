"""What can go wrong on the wire, over real sockets: the cases F35 to F55 of HTTP and Socrata."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.errors import ConfigurationError
from ingestion.settings import read
from ingestion.sources.winnipeg_billing.client import SodaClient
from ingestion.sources.winnipeg_billing.settings import BillingSettings
from simulator import wire_faults as wire
from simulator.systems.winnipeg_billing.portal import Portal
from tests.ingestion.sources.small_landing import SmallLanding

PAGE = "$offset=150"


@pytest.fixture(autouse=True)
def no_token_in_the_log(server: Portal, landing: SmallLanding, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever goes wrong: the token is in no log line, even at DEBUG, in no lake file and in no row."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "canary" not in caplog.text
    for path in landing.folder.rglob("*.json"):
        assert b"canary" not in path.read_bytes()
    assert "canary" not in str(landing.query("select * from raw.landed_files"))


def refused(landing: SmallLanding) -> str:
    error = landing.refusal()
    assert "canary" not in f"{error!r} {error} {error.uri}"
    return error.code


def tries(server: Portal) -> int:
    return sum(PAGE in request.text for request in server.log)


@pytest.mark.parametrize(
    "act",
    [
        wire.status(429, retry_after="0.05"),
        wire.status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
        wire.status(202),
        wire.status(500),
        wire.status(502),
        wire.status(503),
        wire.status(504),
        wire.cut_short(),
        wire.truncated_gzip(),
        wire.body(b'[{":id":"a"}\n'),
    ],
    ids=["429", "429 date", "202", "500", "502", "503", "504", "cut", "gzip cut", "no closing bracket"],
)
def test_what_passes_is_tried_again(act: wire.Act, server: Portal, landing: SmallLanding) -> None:
    server.fault(act, match=PAGE, times=2)
    assert landing.land() == len(server.rows)
    assert tries(server) == 3


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (wire.status(429, retry_after=0), "SOURCE_RATE_LIMITED"),
        (wire.status(202, retry_after=0), "SOURCE_NOT_READY"),
        (wire.status(503), "SOURCE_UNAVAILABLE"),
        (wire.cut_short(), "SOURCE_CUT_BODY"),
        (wire.truncated_gzip(), "SOURCE_CUT_BODY"),
    ],
    ids=["429", "202", "503", "cut", "gzip cut"],
)
def test_what_does_not_pass_ends_after_five_tries(
    act: wire.Act, code: str, server: Portal, landing: SmallLanding
) -> None:
    server.fault(act, match=PAGE, times=None)
    assert refused(landing) == code
    assert tries(server) == 5


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (wire.status(400), "PROTOCOL_STATUS"),
        (wire.status(401), "DENIED_SOURCE"),
        (wire.status(403), "DENIED_SOURCE"),
        (wire.status(404), "CONFIG_DATASET_NOT_FOUND"),
        (wire.login_page(), "PROTOCOL_CONTENT_TYPE"),
        (wire.without_content_type(), "PROTOCOL_CONTENT_TYPE"),
        (wire.error_object(), "PROTOCOL_NOT_A_LIST"),
        (wire.empty_body(), "PROTOCOL_EMPTY_BODY"),
        (wire.empty_body(code=204), "PROTOCOL_EMPTY_BODY"),
        (wire.body(b'[{":id":"a"},,]'), "PROTOCOL_JSON"),
        (wire.body(b"[" * 200_000 + b"]"), "PROTOCOL_JSON"),
        (wire.body(b'[{":id":"a","town":' + b"[" * 200_000 + b"]" * 200_000 + b"}]"), "DATA_JSON_DEPTH"),
        (wire.body(b'[{":id":"a","town":"\\ud800"}]'), "DATA_ENCODING"),
        (wire.body(b'[{":id":"a","town":"\xff"}]'), "DATA_ENCODING"),
        (wire.body(b'[{":id":"a","town":"\\u0000"}]'), "DATA_NUL_BYTE"),
        (wire.body(b'[{"town":"no identifier"}]'), "DATA_MISSING_COLUMN"),
    ],
    ids=[
        "400", "401", "403", "404", "login page", "no type", "error object", "empty", "204", "not JSON",
        "open brackets", "deep", "surrogate", "latin-1", "NUL", "no :id",
    ],
)  # fmt: skip
def test_what_cannot_pass_is_not_tried_again(act: wire.Act, code: str, server: Portal, landing: SmallLanding) -> None:
    server.fault(act, match=PAGE, times=None)
    assert refused(landing) == code
    assert tries(server) == 1


def test_a_nul_is_refused_with_its_row_and_column(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.body(b'[{":id":"a"},{":id":"b","town":"x\\u0000"}]'), match=PAGE)
    assert "row 2, column town" in landing.refusal().message


def test_a_row_that_has_one_key_twice_fails_the_reading(server: Portal, landing: SmallLanding) -> None:
    """DuckDB's query refuses it, where Python's JSON would keep the last; landing then refuses the whole set."""
    page = json.dumps([server.row(position) for position in range(150, 300)])
    server.fault(wire.body(page.replace("{", '{"town":"elsewhere",', 1).encode()), match=PAGE, times=None)
    with pytest.raises(duckdb.Error, match="duplicate key"):
        landing.land()
    assert landing.count("utility_billing") == 0


def test_a_backslash_before_u0000_is_ordinary_text(server: Portal, landing: SmallLanding) -> None:
    row = server.row(0)
    server.upsert({**row, "town": "C:\\u0000"})
    landing.land()
    assert landing.query(f"select town from raw.utility_billing where _id = '{row[':id']}'") == [("C:\\u0000",)]


def test_the_wait_is_what_the_server_asks_for_up_to_the_cap(
    server: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_WAIT_CAP_SECONDS", "120")
    slept: list[float] = []
    for after in ("7", "3600"):
        server.fault(wire.status(429, retry_after=after))
    server.fault(wire.status(500), times=2)
    with SodaClient(read(BillingSettings), tmp_path, sleep=slept.append) as client:
        client.get(server.id, select="count(*)")
    assert slept[:2] == [7, 120]
    assert all(0 <= pause <= 0.01 * 2**4 for pause in slept[2:]) and len(slept) == 4


def test_a_server_that_says_nothing_is_left_in_time(
    server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_READ_SECONDS", "0.1")
    monkeypatch.setenv("SOCRATA_TRIES", "2")
    server.fault(wire.hang(), match=PAGE, times=None)
    assert refused(landing) == "SOURCE_TIMEOUT"
    assert tries(server) == 2


def test_a_dripping_server_meets_the_deadline_for_the_whole_answer(
    server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_PAGE_SECONDS", "0.4")
    server.fault(wire.drip(pause=0.02), match=PAGE, times=None)
    began = time.monotonic()
    assert refused(landing) == "SOURCE_DEADLINE"
    assert time.monotonic() - began < 5


def test_a_body_cut_at_a_row_and_closed_well_is_a_short_page(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.cut_at_row(), match=PAGE)
    assert landing.land() == len(server.rows)


def test_a_count_that_the_rows_do_not_reach_is_refused(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.lying_count(401), match="count(*)", times=None)
    error = landing.refusal()
    assert (error.code, error.message) == ("DATA_COUNT_MISMATCH", "expected=401 got=400 rows")


def test_a_count_that_the_rows_exceed_is_refused(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.lying_count(399), match="count(*)", times=None)
    assert refused(landing) == "DATA_COUNT_MISMATCH"


def test_a_portal_that_cannot_count_is_read_to_the_empty_page(
    server: Portal, landing: SmallLanding, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault(wire.status(400), match="count(*)", times=None)
    assert landing.land() == len(server.rows)
    assert "does not count its rows" in caplog.text
    assert server.log[-3].params["$offset"] == "400" or any(r.params.get("$offset") == "400" for r in server.log)


def test_pages_in_no_order_are_refused_though_their_total_is_right(server: Portal, landing: SmallLanding) -> None:
    whole = [server.row(position) for position in range(300)]
    # Two pages as an unordered query gives them: 300 rows, of which 30 come twice and 30 not at all.
    first, second = whole[:150], whole[120:270]
    server.fault(wire.body(json.dumps(first).encode()), match="$offset=0", times=None)
    server.fault(wire.body(json.dumps(second).encode()), match=PAGE, times=None)
    assert refused(landing) == "DATA_DUPLICATE_ID"


def test_a_server_that_ignores_the_offset_is_refused(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.body(json.dumps([server.row(0)]).encode()), match="$order", times=None)
    assert refused(landing) == "DATA_DUPLICATE_ID"


def test_metadata_that_is_none_is_refused(server: Portal, landing: SmallLanding) -> None:
    server.fault(wire.body(b'{"id":"samp-1e00"}'), match="/api/views/")
    assert refused(landing) == "PROTOCOL_METADATA"


def test_metadata_with_two_names_for_one_column_is_refused(server: Portal, landing: SmallLanding) -> None:
    columns = b'{"fieldName":"town"},{"fieldName":"Town"}'
    server.fault(wire.body(b'{"id":"samp-1e00","columns":[%s]}' % columns), match="/api/views/", times=None)
    assert refused(landing) == "DATA_DUPLICATE_COLUMN"


def test_a_packed_bomb_is_refused(server: Portal, landing: SmallLanding) -> None:
    bomb = gzip.compress(b"[" + b" " * (40 << 20) + b"]", 9)

    def act(exchange: wire.Exchange) -> None:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        exchange.send(wire.Answer(200, bomb, headers))

    server.fault(act, match=PAGE)
    assert refused(landing) == "DATA_BOMB"


def test_an_encoding_nobody_asked_for_is_refused(server: Portal, landing: SmallLanding) -> None:
    def act(exchange: wire.Exchange) -> None:
        exchange.send(wire.Answer(200, b"x", {"Content-Type": "application/json", "Content-Encoding": "br"}))

    server.fault(act, match=PAGE)
    assert refused(landing) == "PROTOCOL_CONTENT_ENCODING"


def test_a_redirect_is_refused_and_the_token_stays_at_home(server: Portal, landing: SmallLanding) -> None:
    heard: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)

        def log_message(self, format: str, *args: Any) -> None: ...

    elsewhere = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=elsewhere.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        server.fault(wire.redirect(f"http://localhost:{elsewhere.server_address[1]}/steal"), match=PAGE, times=None)
        assert refused(landing) == "PROTOCOL_REDIRECT"
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
        thread.join()
    assert heard == []


def test_the_token_travels_in_its_header_and_nowhere_else(server: Portal, landing: SmallLanding) -> None:
    landing.land()
    assert {request.header("X-App-Token") for request in server.log} == {"canary-Zq81-token"}
    assert not any("canary" in request.text for request in server.log)


def test_without_a_token_the_set_is_read_all_the_same(
    server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCRATA_APP_TOKEN")
    landing.land()
    assert {request.header("X-App-Token") for request in server.log} == {None}


def test_a_host_that_does_not_exist_is_unreachable(
    server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCRATA_DOMAIN", "portal.invalid")
    monkeypatch.setenv("SOCRATA_TRIES", "2")
    assert refused(landing) == "SOURCE_UNREACHABLE"


def test_a_certificate_nobody_signed_is_refused_at_once(
    server: Portal, landing: SmallLanding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
         "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    signed_by_itself = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    signed_by_itself.socket = context.wrap_socket(signed_by_itself.socket, server_side=True)
    thread = threading.Thread(target=signed_by_itself.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("SOCRATA_DOMAIN", f"127.0.0.1:{signed_by_itself.server_address[1]}")
        assert refused(landing) == "SOURCE_TLS"
    finally:
        signed_by_itself.shutdown()
        signed_by_itself.server_close()
        thread.join()


def test_verification_is_switched_off_nowhere() -> None:
    root = Path(__file__).parents[4] / "ingestion"
    assert [path for path in root.rglob("*.py") if "verify=False" in path.read_text()] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOCRATA_DOMAIN", "http://data.example.org"),
        ("SOCRATA_DOMAIN", "ftp://data.example.org"),
        ("SOCRATA_DOMAIN", "https://user:canary@data.example.org"),
        ("SOCRATA_DOMAIN", "https://data.example.org/path"),
        ("SOCRATA_DOMAIN", "http://127.0.0.1.example.org:80"),
        ("SOCRATA_DOMAIN", "http://2130706433:80"),
        ("SOCRATA_DATASET_ID", "../../etc"),
        ("SOCRATA_PAGE_SIZE", "0"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not(
    name: str, value: str, server: Portal, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        landing.land()
    assert name in caught.value.message and value not in caught.value.message
    assert server.log == []


@pytest.mark.parametrize("domain", ["https://data.example.org/", "data.example.org", "http://localhost:8080"])
def test_a_good_domain_is_taken(domain: str, server: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCRATA_DOMAIN", domain)
    settings = read(BillingSettings)
    assert settings.scheme + settings.host in ("https://data.example.org", "http://localhost:8080")
