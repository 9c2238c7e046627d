"""The server misbehaves exactly as told, where told and as often as told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from simulator import wire_faults
from simulator.systems.winnipeg_billing.portal import Portal, serve

DATA = "/resource/samp-1e00.json"


@pytest.fixture
def server(default_world: Path) -> Iterator[Portal]:
    with serve(default_world / "winnipeg_billing") as running:
        yield running


def get(server: Portal, *, timeout: float = 10, **params: object) -> requests.Response:
    named = {"$order": ":id", **{f"${name}": str(value) for name, value in params.items()}}
    return requests.get(server.domain + DATA, params=named, timeout=timeout, allow_redirects=False)


def test_a_fault_meets_only_the_requests_it_was_planned_for(server: Portal) -> None:
    server.fault(wire_faults.status(429, retry_after=7), match="$offset=1000", after=1, times=2)
    codes = [get(server, offset=offset).status_code for offset in (0, 1000, 1000, 0, 1000, 1000)]
    assert codes == [200, 200, 429, 200, 429, 200]


def test_statuses_with_and_without_retry_after(server: Portal) -> None:
    server.fault(wire_faults.status(429, retry_after=7))
    server.fault(wire_faults.status(429))
    for code in (202, 500, 503, 401):
        server.fault(wire_faults.status(code))
    answers = [get(server) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [429, 429, 202, 500, 503, 401, 200]
    assert [answer.headers.get("Retry-After") for answer in answers[:2]] == ["7", None]
    assert answers[3].json() == {"code": "simulated_500", "error": True, "message": "simulated 500"}


def test_for_ever_until_cleared(server: Portal) -> None:
    server.fault(wire_faults.status(503), times=None)
    assert [get(server).status_code for _ in range(5)] == [503] * 5
    server.clear_faults()
    assert get(server).status_code == 200


def test_a_hanging_answer_ends_in_a_time_out(server: Portal) -> None:
    server.fault(wire_faults.hang(30))
    with pytest.raises(requests.ReadTimeout):
        get(server, timeout=0.2)


def test_a_server_that_hangs_can_be_stopped(default_world: Path) -> None:
    with serve(default_world / "winnipeg_billing") as server:
        server.fault(wire_faults.hang(60))
        with pytest.raises(requests.ReadTimeout):
            get(server, timeout=0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 2


def test_a_drip_outlives_every_single_read(server: Portal) -> None:
    server.fault(wire_faults.drip(pause=0.05, piece=200))
    started = time.monotonic()
    assert len(get(server, limit=4, timeout=0.5).json()) == 4
    assert time.monotonic() - started > 0.2


def test_a_short_body_breaks_its_promise(server: Portal) -> None:
    server.fault(wire_faults.cut_short(0.5))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(server)


def test_a_body_cut_at_a_row_looks_whole(server: Portal) -> None:
    server.fault(wire_faults.cut_at_row(0.3))
    answer = get(server)
    assert (answer.status_code, len(answer.json())) == (200, 300)
    assert "Content-Length" not in answer.headers


def test_truncated_gzip_raises_nothing(server: Portal) -> None:
    server.fault(wire_faults.truncated_gzip(0.5))
    answer = get(server)
    assert answer.status_code == 200
    assert 1000 < len(answer.content) < 600_000
    with pytest.raises(ValueError):
        answer.json()


def test_answers_that_are_no_rows(server: Portal) -> None:
    server.fault(wire_faults.login_page())
    server.fault(wire_faults.error_object())
    server.fault(wire_faults.empty_body())
    server.fault(wire_faults.empty_body(None))
    server.fault(wire_faults.empty_body(code=204))
    server.fault(wire_faults.without_content_type())
    page, error, empty, bare, nothing, untyped = (get(server) for _ in range(6))
    assert page.headers["Content-Type"].startswith("text/html")
    assert error.status_code == 200
    assert error.json()["error"] is True
    assert (empty.status_code, empty.content) == (200, b"")
    assert "Content-Type" not in bare.headers
    assert nothing.status_code == 204
    assert "Content-Type" not in untyped.headers
    assert len(untyped.json()) == 1000


def test_a_redirect_points_to_another_host(server: Portal) -> None:
    server.fault(wire_faults.redirect("http://localhost:1/elsewhere"))
    answer = get(server)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost:1/elsewhere")


def test_a_short_page_in_the_middle_is_not_the_end(server: Portal) -> None:
    server.fault(wire_faults.short_page(700), match="$offset=1000")
    assert [len(get(server, offset=offset).json()) for offset in (0, 1000, 1700)] == [1000, 700, 1000]


def test_a_count_that_lies(server: Portal) -> None:
    server.fault(wire_faults.lying_count(99), match="count(*)")
    assert get(server, select="count(*)").json() == [{"count": "99"}]
    assert get(server, select="count(*)").json() == [{"count": "12000"}]


def test_the_set_moves_while_someone_pages(server: Portal) -> None:
    server.fault(wire_faults.meanwhile(server.advance), match="$offset=1000")
    server.fault(wire_faults.afterwards(server.republish), match="$offset=2000")
    stamps = [
        {row[":updated_at"] for row in get(server, select=":*", offset=offset).json()}
        for offset in (0, 1000, 2000, 3000)
    ]
    assert "2021-05-05T06:12:44.310Z" not in stamps[0]
    assert "2021-05-05T06:12:44.310Z" in stamps[1] & stamps[2]
    assert len(stamps[2]) > 1
    assert len(stamps[3]) == 1


def test_another_process_can_steer(server: Portal) -> None:
    def post(path: str, order: object = None) -> int:
        return requests.post(server.domain + path, data=json.dumps(order) if order else b"", timeout=10).status_code

    assert post("/simulator/fault", {"name": "status", "arguments": {"code": 500}, "times": 1}) == 200
    assert [get(server).status_code for _ in range(2)] == [500, 200]
    assert post("/simulator/knobs", {"limit_cap": 10}) == 200
    assert len(get(server).json()) == 10
    assert post("/simulator/knobs", {"generation": 10}) == 400
    assert post("/simulator/advance") == 200
    assert post("/simulator/advance") == 400
    assert server.generation == 2
    assert post("/simulator/nonsense") == 404
    assert len(server.log) == 3, "steering is not traffic"
