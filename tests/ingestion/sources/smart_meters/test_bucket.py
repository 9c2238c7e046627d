"""Readings in an S3 bucket, on a real (moto) server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from ingestion.clients import places
from tests.ingestion.sources.small_landing import SmallLanding
from tests.ingestion.sources.smart_meters.conftest import split

ROWS = [("2021-01-01 00:30:00", 0.123, "0a"), ("2021-01-01 01:00:00", 0.45, "0a")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    import boto3

    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "canary-key-id",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SMART_METERS_READINGS": "s3://inbox/readings",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="inbox")
    yield client
    for found in client.list_objects_v2(Bucket="inbox").get("Contents", []):
        client.delete_object(Bucket="inbox", Key=found["Key"])
    client.delete_bucket(Bucket="inbox")


def put(bucket: Any, key: str, content: str) -> None:
    bucket.put_object(Bucket="inbox", Key=key, Body=content.encode())


def test_objects_below_the_prefix_land_once(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, "readings/day=1/0a.json", split(ROWS))
    put(bucket, "readings/0a.json.part", split(ROWS))
    put(bucket, "elsewhere/0b.json", split(ROWS[:1]))
    assert landing.land() == 2
    assert landing.batches[0].files[0].uri == "s3://inbox/readings/day=1/0a.json"
    modified = bucket.head_object(Bucket="inbox", Key="readings/day=1/0a.json")["LastModified"]
    assert landing.batches[0].files[0].delivered_at == f"{modified:%Y-%m-%dT%H:%M:%S}.000000Z"
    monkeypatch.setattr(places.Bucket, "read", lambda *_: pytest.fail("opened"))
    assert landing.land() == 0


def test_a_replaced_object_and_a_new_one_are_seen_at_once(bucket: Any, landing: SmallLanding) -> None:
    put(bucket, "readings/0a.json", split(ROWS))
    landing.land()
    put(bucket, "readings/0a.json", split(ROWS[:1]))
    put(bucket, "readings/0b.json", split([*ROWS, ROWS[0]]))
    assert landing.land() == 4


def test_a_glob_can_be_named(bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bucket, "readings/a1.json", split(ROWS))
    put(bucket, "readings/b1.json", split(ROWS[:1]))
    monkeypatch.setenv("SMART_METERS_READINGS", "s3://inbox/readings/b*.json")
    assert landing.land() == 1


def test_an_object_replaced_while_it_is_read_is_read_again(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    put(bucket, "readings/0a.json", split(ROWS))
    real, times = s3fs.S3FileSystem.cat_file, [0]

    def replaced_once(self: Any, path: str, **more: Any) -> Any:
        content = real(self, path, **more)
        times[0] += 1
        if times[0] == 1:
            put(bucket, "readings/0a.json", split(ROWS[:1]))
        return content

    monkeypatch.setattr(s3fs.S3FileSystem, "cat_file", replaced_once)
    assert landing.land() == 1
    assert times == [2]


def test_a_bucket_that_does_not_exist_is_a_setting_to_correct(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_METERS_READINGS", "s3://no-such-bucket/readings")
    landing.land()
    assert landing.codes() == ["CONFIG_S3"]


def test_an_object_that_went_away_is_a_missing_file(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, "readings/0a.json", split(ROWS))
    put(bucket, "readings/0b.json", split(ROWS[:1]))
    real = places.Bucket.uris

    def then_deleted(self: places.Bucket) -> dict[str, str | None]:
        found = real(self)
        bucket.delete_object(Bucket="inbox", Key="readings/0a.json")
        return found

    monkeypatch.setattr(places.Bucket, "uris", then_deleted)
    assert landing.land() == 1
    assert landing.codes() == ["DATA_MISSING_FILE"]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("AccessDenied", 403, "DENIED_S3"),
        ("InvalidAccessKeyId", 403, "DENIED_S3"),
        ("RequestTimeTooSkewed", 403, "CONFIG_CLOCK"),
        ("NoSuchBucket", 404, "CONFIG_S3"),
        ("InternalError", 400, "SOURCE_S3"),
    ],
)
def test_what_s3_refuses_has_its_code_and_no_key_in_it(
    code: str, status: int, expected: str, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch, bucket: Any
) -> None:
    """Answers as AWS gives them, from a server of one answer."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said canary-key-id</Message></Error>".encode()

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        landing.land()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert landing.codes() == [expected]
    assert "canary" not in landing.problems[0].message
