"""The lake: the bytes as they came, once, under a name that holds still; in a folder and on S3."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.errors import LandingError
from ingestion.lake import Lake
from tests.ingestion.house import House

CONTENT = b'{"a": "\xc3\xa9"}\r\n'
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"), tmp_path / "scratch")
    return Lake(f"{request.getfixturevalue('bucket')}/lake", tmp_path / "scratch")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str) -> str:
    import boto3

    os.environ |= {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "canary-of-the-bucket",
        "AWS_DEFAULT_REGION": "ca-central-1",
    }
    name = f"bucket-{os.urandom(4).hex()}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ca-central-1"})
    return f"s3://{name}"


def again(lake: Lake, tmp_path: Path) -> Lake:
    """The same lake as the next run sees it."""
    return Lake(lake.url, tmp_path / "next")


def test_bytes_are_kept_as_they_came_under_source_table_day_and_hash(lake: Lake) -> None:
    stored = lake.put("s", "t", "Readings.JSON", CONTENT)
    assert stored.key == f"s/t/{datetime.now(UTC):%Y-%m-%d}/{DIGEST[:12]}.json"
    assert (stored.sha256, stored.bytes, stored.path.read_bytes()) == (DIGEST, len(CONTENT), CONTENT)


def test_the_same_content_is_stored_once_whatever_its_name(lake: Lake, tmp_path: Path) -> None:
    first = lake.put("s", "t", "a.json", CONTENT)
    second = lake.put("s", "t", "b.json", CONTENT)
    third = again(lake, tmp_path).put("s", "t", "c.json", CONTENT)
    assert first.key == second.key == third.key
    assert third.path.read_bytes() == CONTENT


def test_a_file_is_moved_in(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "page.json.gz"
    path.write_bytes(CONTENT)
    stored = lake.put("s", "t", path.name, path)
    assert not path.exists()
    assert stored.key.endswith(f"{DIGEST[:12]}.json.gz")
    assert stored.path.read_bytes() == CONTENT
    path.write_bytes(CONTENT)
    assert again(lake, tmp_path).put("s", "t", path.name, path).key == stored.key
    assert not path.exists()


def test_two_contents_that_share_a_short_hash_both_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.lake.HASH_LENGTH", 1)
    lake = Lake(str(tmp_path / "lake"), tmp_path)
    contents = [str(number).encode() for number in range(40)]
    stored = [lake.put("s", "t", "x.json", content) for content in contents]
    assert len({one.key for one in stored}) == 40
    assert [one.path.read_bytes() for one in stored] == contents
    assert [
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "x.json", c).path.read_bytes() for c in contents
    ] == contents


def test_nothing_in_the_lake_is_ever_written_again(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), tmp_path)
    path = lake.put("s", "t", "a.json", CONTENT).path
    before = path.stat()
    lake.put("s", "t", "a.json", CONTENT)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode & 0o222) == (before.st_ino, before.st_mtime_ns, 0)


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where a folder should be")
    with pytest.raises(LandingError, match="LAKE_WRITE"):
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "a.json", CONTENT)


def test_a_lake_without_room_says_so_and_keeps_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LandingError, match="DISK_FULL"):
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "a.json", CONTENT)
    assert [path for path in (tmp_path / "lake").rglob("*") if path.is_file()] == []


def test_a_lake_on_s3_that_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    with pytest.raises(LandingError, match="LAKE_WRITE") as refused:
        Lake("s3://nowhere/lake", tmp_path).put("s", "t", "a.json", CONTENT)
    assert "LAKE_URL" in refused.value.message and "canary" not in refused.value.message


def test_rows_land_from_a_lake_on_s3(duckdb_house: House, bucket: str) -> None:
    import boto3

    duckdb_house.env["LAKE_URL"] = f"{bucket}/prefix"
    duckdb_house.deliver("a", [("m1", "t", "1")])
    assert duckdb_house.land().rows == 1
    assert duckdb_house.land().unchanged == 1
    objects = boto3.client("s3").list_objects_v2(Bucket=bucket.removeprefix("s3://"))["Contents"]
    (key,) = duckdb_house.warehouse.query("select lake_key from raw.landed_files")[0]
    assert [one["Key"] for one in objects] == [f"prefix/{key}"]
