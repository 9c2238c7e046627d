"""Who may call the API, how often, and what is written down of it."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from serving.api.keys import Keys
from tests.end_to_end.conftest import ROOT, House
from tests.end_to_end.serving_api import Api, serving


@pytest.fixture(scope="module")
def api(first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(first_house("duckdb"), tmp_path_factory.mktemp("api")) as running:
        yield running


def addresses(api: Api) -> list[tuple[str, str]]:
    """(method, path) of everything the document lists."""
    document = api.call("/openapi.json", key=None).json()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def test_every_address_but_health_wants_a_key(api: Api) -> None:
    found = addresses(api)
    assert len(found) > 30
    for method, path in found:
        address = path.replace("{", "").replace("}", "")
        for key in (None, "mh_" + "x" * 43):
            answer = api.call(address, method, key, json={})
            if path == "/health":
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()["code"]) == (401, "NO_KEY"), path
                assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_only_an_operator_may_start_something(api: Api) -> None:
    answer = api.call("/api/v1/processing/trigger", "POST", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_AN_OPERATOR")
    assert api.call("/api/v1/processing/jobs").json() == {"jobs": []}
    assert api.call("/api/v1/nodes", key=api.operator).status_code == 200


def test_what_is_wrong_with_a_wish_is_said_without_repeating_it(api: Api) -> None:
    many = [f"x{n}" for n in range(51)]
    for body in ({"sources": ["no such"]}, {"sources": "all"}, {"secret": "hunter2"}, {"sources": many}):
        answer = api.call("/api/v1/processing/trigger", "POST", api.operator, json=body)
        assert answer.status_code == 422, answer.text
        assert "hunter2" not in answer.text
    assert api.call("/api/v1/processing/jobs").json() == {"jobs": []}


def test_a_key_is_kept_as_a_hash_and_its_file_is_for_its_owner_alone(api: Api) -> None:
    file = api.folder / "api" / "keys.json"
    assert api.key not in file.read_text() and api.operator not in file.read_text()
    assert [len(line["sha256"]) for line in json.loads(file.read_text())] == [64, 64]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_counts_from_its_making_to_its_revocation(api: Api) -> None:
    def keys(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "serving.api", "keys", *words], cwd=ROOT, capture_output=True, text=True,
            env={"PATH": "/usr/bin:/bin", "METERHOUSE_DATA": str(api.folder), "WAREHOUSE": "duckdb"},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout.strip()

    made = keys("add", "bob", "--role", "reader")
    assert api.call("/api/v1/models/status", key=made).status_code == 200
    assert "bob" in keys("list") and made not in keys("list")
    keys("add", "bob", code=2)
    keys("add", "carl", "--role", "king", code=2)
    keys("revoke", "bob")
    assert api.call("/api/v1/models/status", key=made).status_code == 401
    keys("revoke", "bob", code=2)


def test_too_many_calls_are_told_when_to_come_again(first_house: Callable[[str], House], tmp_path: Path) -> None:
    with serving(first_house("duckdb"), tmp_path, API_CALLS_PER_MINUTE="5") as api:
        answers = [api.call("/api/v1/models/status") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        # The minute may turn once within the twelve.
        assert 2 <= len(refused) <= 7
        assert refused[0].json()["code"] == "TOO_MANY_CALLS"
        assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
        # Another key has its own count, and so has guessing.
        assert api.call("/api/v1/models/status", key=api.operator).status_code == 200
        guesses = [api.call("/api/v1/models/status", key="mh_guess").status_code for _ in range(12)]
        assert set(guesses) == {401, 429}
        assert api.call("/health", key=None).status_code == 200


def test_a_body_ends_at_its_limit_whatever_it_claims(api: Api) -> None:
    big = json.dumps({"sources": ["x" * 100_000]})
    answer = api.call("/api/v1/processing/trigger", "POST", api.operator, data=big)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 10_000

    answer = api.call("/api/v1/processing/trigger", "POST", api.operator, data=pieces())
    assert answer.status_code == 413


def test_no_other_site_is_let_in(api: Api) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    answer = api.call("/api/v1/models/status", headers=origin)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    answer = api.call("/api/v1/processing/trigger", "OPTIONS", headers=asked)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_there_is_no_page_that_loads_scripts(api: Api) -> None:
    assert [api.call(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def test_each_call_is_written_down_with_who_and_how_it_ended_and_no_key(api: Api) -> None:
    api.call("/api/v1/nodes?district_id=marked")
    api.call("/api/v1/nodes?district_id=unknown", key="mh_wrong")
    journal = api.folder / "api" / "calls.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    known = next(line for line in lines if line["query"] == "district_id=marked")
    assert (known["who"], known["method"], known["path"], known["status"]) == ("alice", "GET", "/api/v1/nodes", 200)
    unknown = next(line for line in lines if line["query"] == "district_id=unknown")
    assert (unknown["who"], unknown["status"]) == ("-", 401)
    text = journal.read_text() + api.said.read_text()
    assert api.key not in text and api.operator not in text and "mh_wrong" not in text
    assert not [line for line in lines if line["path"] in ("/health", "/metrics")]


def test_a_call_that_cannot_be_written_down_is_not_answered(
    first_house: Callable[[str], House], tmp_path: Path
) -> None:
    with serving(first_house("duckdb"), tmp_path) as api:
        (tmp_path / "api" / "calls.jsonl").mkdir()
        answer = api.call("/api/v1/models/status")
    assert (answer.status_code, answer.json()["code"]) == (503, "AUDIT_FAILED")


def test_what_nobody_foresaw_is_answered_by_a_code_and_written_down(
    first_house: Callable[[str], House], tmp_path: Path
) -> None:
    with serving(first_house("duckdb"), tmp_path) as api:
        (tmp_path / "api" / "keys.json").unlink()
        (tmp_path / "api" / "keys.json").mkdir()
        answer = api.call("/api/v1/models/status?marked=yes")
        assert api.call("/health", key=None).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert "keys.json" not in answer.text and "IsADirectoryError" in api.said.read_text()
    (line,) = [json.loads(line) for line in (tmp_path / "api" / "calls.jsonl").read_text().splitlines()]
    assert (line["who"], line["path"], line["query"]) == ("-", "/api/v1/models/status", "marked=yes")
    assert line["status"] == 500


def test_before_the_first_publication_it_says_so(house_folder: House, tmp_path: Path) -> None:
    with serving(house_folder, tmp_path) as api:
        assert api.call("/health", key=None).json() == {"status": "nothing published"}
        answer = api.call("/api/v1/nodes")
        assert (answer.status_code, answer.json()["code"]) == (503, "NOTHING_PUBLISHED")
        assert "meterhouse_published 0.0" in api.call("/metrics", key=None).text


@pytest.fixture
def house_folder(first_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with neither warehouse nor copy."""
    from tests.conftest import duckdb_warehouse

    folder = tmp_path_factory.mktemp("empty")
    return House(duckdb_warehouse(folder), first_house("duckdb").world, folder)


def test_a_warehouse_that_is_away_is_told_by_a_code_and_no_host(house_folder: House, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    away = {
        "WAREHOUSE": "postgres", "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "canary-user",
        "PGPASSWORD": "canary",
        "PGDATABASE": "canary-database", "PGSSLMODE": "disable",
    }  # fmt: skip
    with serving(house_folder, tmp_path, **away) as api:
        answer = api.call("/api/v1/nodes")
        assert answer.status_code == 503
        assert "canary" not in answer.text and str(port) not in answer.text
        assert requests.get(f"{api.address}/health", timeout=30).status_code == 503


def test_a_file_of_keys_that_is_broken_lets_nobody_in(tmp_path: Path) -> None:
    from ingestion.errors import ConfigurationError

    file = tmp_path / "keys.json"
    file.write_text('[{"name": "alice"}]')
    with pytest.raises(ConfigurationError, match=r"keys\.json is no list of keys"):
        Keys(file).caller("anything")
