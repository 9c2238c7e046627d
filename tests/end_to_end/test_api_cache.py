"""Answers kept in a real Redis: the same as without, gone with the build they are of, and no loss when it is away."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.end_to_end.conftest import House
from tests.end_to_end.serving_api import serving

PATHS = [
    f"/api/v1/{path}" for path in ("nodes?limit=3", "weather/daily?limit=50", "quality/conservation", "network/metrics")
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """(address, process) of a Redis of the test's own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here: install Debian's redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    deadline = time.monotonic() + 30
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield f"redis://127.0.0.1:{port}/0", process
    process.kill()
    process.wait()


def hits(text: str) -> tuple[float, float]:
    """(hits, misses) in what Prometheus is told."""
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("meterhouse_api_answers_total"))
    return tuple(float(values[f'meterhouse_api_answers_total{{cache="{kind}"}}']) for kind in ("hit", "miss"))  # type: ignore[return-value]


def test_answers_are_the_same_with_redis_without_it_and_when_it_dies(
    first_house: Callable[[str], House], server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    house = first_house("duckdb")
    address, process = server
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with serving(house, tmp_path / "one") as plain, serving(house, tmp_path / "two", REDIS_URL=address) as cached:
        expected = [plain.call(path).content for path in PATHS]
        first = [cached.call(path).content for path in PATHS]
        before = hits(cached.call("/metrics", key=None).text)
        second = [cached.call(path).content for path in PATHS]
        after = hits(cached.call("/metrics", key=None).text)
        assert first == second == expected
        assert (after[0] - before[0], after[1] - before[1]) == (len(PATHS), 0)
        assert cached.call("/api/v1/status").json()["cache"]["kind"] == "redis"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert [cached.call(path).content for path in PATHS] == expected
        assert cached.call("/api/v1/status").json()["cache"]["is_answering"] is False
        assert "meterhouse_api_cache_failures_total 0.0" not in cached.call("/metrics", key=None).text


def test_what_is_kept_goes_with_its_build(
    new_house: House, server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    address, _ = server
    client = redis.Redis.from_url(address)
    with serving(new_house, tmp_path, REDIS_URL=address) as api:
        first = api.call("/api/v1/nodes?limit=1").json()["publication"]
        (old,) = client.keys("meterhouse:answers:*-*")
        assert client.hlen(old) == 1
        new_house.run("python", "-m", "publishing", "--force")
        second = api.call("/api/v1/nodes?limit=1").json()["publication"]
        (new,) = client.keys("meterhouse:answers:*-*")
    assert (first["invocation_id"], new) != (second["invocation_id"], old)
    assert second["published_at"] > first["published_at"]


def test_calls_are_counted_for_all_processes_together(
    first_house: Callable[[str], House], server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    house, settings = first_house("duckdb"), {"REDIS_URL": server[0], "API_CALLS_PER_MINUTE": "6"}
    keys = str(tmp_path / "one" / "api" / "keys.json")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        serving(house, tmp_path / "one", **settings) as one,
        serving(house, tmp_path / "two", **settings, API_KEYS_FILE=keys) as two,
    ):
        statuses = [api.call("/api/v1/models/status", key=one.key).status_code for _ in range(8) for api in (one, two)]
    # 16 calls of 6 in a minute, which may turn once.
    assert 4 <= statuses.count(429) <= 10
    assert statuses[:6] == [200] * 6
