"""The lake: the bytes as they came, once, under a name that holds still; in a folder and on S3."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ingestion.errors import LandingError
from ingestion.lake import Lake
from tests.ingestion.house import House

CONTENT = b'{"a": "\xc3\xa9"}\r\n'
DAY = date(2021, 3, 8)
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
    stored = lake.put("s", "t", "Readings.JSON", CONTENT, day=DAY)
    assert stored.key == f"raw/s/t/2021/03/08/{DIGEST[:12]}.json"
    assert (stored.sha256, stored.bytes, stored.path.read_bytes()) == (DIGEST, len(CONTENT), CONTENT)


def test_the_same_content_is_stored_once_whatever_its_name(lake: Lake, tmp_path: Path) -> None:
    first = lake.put("s", "t", "a.json", CONTENT, day=DAY)
    second = lake.put("s", "t", "b.json", CONTENT, day=DAY)
    third = again(lake, tmp_path).put("s", "t", "c.json", CONTENT, day=DAY)
    assert first.key == second.key == third.key
    assert third.path.read_bytes() == CONTENT


def test_one_content_under_two_labels_is_two_files_with_names_of_their_own(lake: Lake, tmp_path: Path) -> None:
    plain = lake.put("s", "t", "a.json", CONTENT, day=DAY)
    first = lake.put("s", "t", "a.json", CONTENT, day=DAY, label="2147714_metric")
    second = lake.put("s", "t", "a.json", CONTENT, day=DAY, label="-33.87:151.21")
    again_first = again(lake, tmp_path).put("s", "t", "b.json", CONTENT, day=date(2021, 4, 1), label="2147714_metric")
    names = [f"{DIGEST[:12]}{mark}" for mark in ("", "@2147714_metric", "@-33_87_151_21")]
    assert [stored.source_file for stored in (plain, first, second)] == names
    assert again_first.key == first.key


def test_what_is_kept_can_be_listed_by_day_and_opened_again(lake: Lake, tmp_path: Path) -> None:
    for day, content in ((2, b"two"), (1, b"one"), (3, b"three")):
        lake.put("s", "t", "a.json", content, day=date(2020, 12, day), label=f"place_{day}")
    lake.put("s", "other", "a.json", b"one", day=date(2020, 12, 1))
    later = again(lake, tmp_path)
    assert [(entry.day.day, entry.label) for entry in later.entries("s", "t")] == [
        (1, "place_1"), (2, "place_2"), (3, "place_3"),
    ]  # fmt: skip
    found = later.entries("s", "t", date(2020, 12, 2), date(2020, 12, 2))
    assert [later.open(entry).path.read_bytes() for entry in found] == [b"two"]
    assert later.entries("s", "nothing") == []


def test_a_kept_file_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path)
    path = lake.put("s", "t", "a.json", CONTENT, day=DAY).path
    path.chmod(0o644)
    path.write_bytes(b"something else")
    (entry,) = lake.entries("s", "t")
    with pytest.raises(LandingError, match="LAKE_DAMAGED"):
        lake.open(entry)


def test_a_file_is_moved_in(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "page.json.gz"
    path.write_bytes(CONTENT)
    stored = lake.put("s", "t", path.name, path, day=DAY)
    assert not path.exists()
    assert stored.key.endswith(f"{DIGEST[:12]}.json.gz")
    assert stored.path.read_bytes() == CONTENT
    path.write_bytes(CONTENT)
    assert again(lake, tmp_path).put("s", "t", path.name, path, day=DAY).key == stored.key
    assert not path.exists()


def test_two_contents_that_share_a_short_hash_both_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.lake.HASH_LENGTH", 1)
    lake = Lake(str(tmp_path / "lake"), tmp_path)
    contents = [str(number).encode() for number in range(40)]
    stored = [lake.put("s", "t", "x.json", content, day=DAY) for content in contents]
    assert len({one.key for one in stored}) == 40
    assert [one.path.read_bytes() for one in stored] == contents
    assert [
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "x.json", c, day=DAY).path.read_bytes() for c in contents
    ] == contents


def test_nothing_in_the_lake_is_ever_written_again(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), tmp_path)
    path = lake.put("s", "t", "a.json", CONTENT, day=DAY).path
    before = path.stat()
    lake.put("s", "t", "a.json", CONTENT, day=DAY)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode & 0o222) == (before.st_ino, before.st_mtime_ns, 0)


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where a folder should be")
    with pytest.raises(LandingError, match="LAKE_WRITE"):
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "a.json", CONTENT, day=DAY)


def test_a_lake_without_room_says_so_and_keeps_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LandingError, match="DISK_FULL"):
        Lake(str(tmp_path / "lake"), tmp_path).put("s", "t", "a.json", CONTENT, day=DAY)
    assert [path for path in (tmp_path / "lake").rglob("*") if path.is_file()] == []


def test_a_lake_on_s3_that_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    with pytest.raises(LandingError, match="LAKE_WRITE") as refused:
        Lake("s3://nowhere/lake", tmp_path).put("s", "t", "a.json", CONTENT, day=DAY)
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
