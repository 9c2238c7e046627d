"""Readings and node lists in an S3 bucket, on a real (moto) server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from ingestion.clients import places
from tests.ingestion.sources.small_landing import SmallLanding

READINGS = "timestamp,node_id\n2021-03-28 00:30:00 UTC,1\n2021-03-28 00:35:00 UTC,1\n"
LOG = ";DATE;TIME;FLOW_R\n;;;L/S\n1;2021/03/28;00:30:00;3,2\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "canary-key-id",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ABBANOA_READINGS": "s3://water/readings",
        "ABBANOA_NODES": "s3://water/nodes",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="water")
    yield client
    for found in client.list_objects_v2(Bucket="water").get("Contents", []):
        client.delete_object(Bucket="water", Key=found["Key"])
    client.delete_bucket(Bucket="water")


def put(bucket: Any, key: str, content: str) -> None:
    bucket.put_object(Bucket="water", Key=key, Body=content.encode())


def test_readings_logs_and_nodes_land_once_from_their_prefixes(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, "readings/2021/03/a.csv", READINGS)
    put(bucket, "readings/211514_X_2021_03_28_DATA_LOG.csv", LOG)
    put(bucket, "readings/b.csv.part", READINGS)
    put(bucket, "nodes/nodes_20210301.csv", "node_id,node_name\n1,Via Pini\n")
    assert landing.land() == 4 and landing.problems == []
    assert landing.rows("sensor_logs", "node_id", "value") == [("211514", "3,2")]
    monkeypatch.setattr(places.Bucket, "copy", lambda *_: pytest.fail("opened"))
    assert landing.land() == 0 and len(landing.unchanged) == 3


def test_an_object_replaced_between_two_pieces_is_read_again(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is asked for with the ETag of the first, so no file is half of one content and half of another."""
    monkeypatch.setattr(places, "_PIECE", 64)
    long = READINGS + "".join(f"2021-03-28 01:{minute:02d}:00 UTC,1\n" for minute in range(60))
    put(bucket, "readings/a.csv", long)
    real, times = places._pour, [0]

    def replaced_once(read: Any, target: Any) -> Any:
        times[0] += 1
        replace = times[0] == 1

        def piece(size: int) -> bytes:
            nonlocal replace
            content: bytes = read(size)
            if replace:
                replace = False
                put(bucket, "readings/a.csv", long.replace(",1\n", ",2\n"))
            return content

        return real(piece, target)

    monkeypatch.setattr(places, "_pour", replaced_once)
    assert landing.land() == 62
    assert times == [2]
    assert set(landing.rows("sensor_readings", "node_id")) == {("2",)}


def test_what_s3_says_names_the_setting_to_correct(
    bucket: Any, landing: SmallLanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABBANOA_READINGS", "s3://no-such-bucket/readings")
    put(bucket, "nodes/nodes.csv", "node_id,node_name\n1,Via Pini\n")
    assert landing.land() == 1
    assert landing.codes() == ["CONFIG_S3"] and "ABBANOA_READINGS" in landing.problems[0].message
