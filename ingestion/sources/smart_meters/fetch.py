"""Delivered JSON files: which there are, which are new, and their bytes into the lake as they came.

A file seen before is passed by without being opened when its version (size and times, or S3's ETag) is the one that was
landed, so a day's delivery costs a day's work however long the history in the folder.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from ingestion.clients.content import MOST_BYTES, BadContent, check_text, inflate
from ingestion.source import Problem, Run, StoredFile, Unchanged

log = logging.getLogger(__name__)

TABLE = "meter_readings"
SUFFIXES = (".json", ".json.gz")
_HEAD = 4096
_BOM = b"\xef\xbb\xbf"
_SETTLED_NS = 2_000_000_000
"""A file changed within this time of being read may change again without its times showing it."""


@dataclass(frozen=True)
class Delivered:
    """One new file: verbatim in the lake, and as plain JSON text in a local file that DuckDB can read."""

    uri: str
    stem: str
    """File name without its extensions: the meter point, where the file itself names none."""
    version: str | None
    delivered_at: str | None
    """When it was put there: the file's modification time, or S3's LastModified (ISO 8601, UTC); None if absurd."""
    stored: StoredFile
    text: Path
    content: bytes
    """The plain JSON text, without BOM. Let go of after inspection."""


class Place(Protocol):
    """Where files are delivered. Errors are BadContent, with the code to report."""

    def uris(self) -> dict[str, str | None]:
        """Every delivered JSON file and its version, in order; the version is None when it cannot be relied on."""
        ...

    def read(self, uri: str) -> tuple[bytes, str | None, datetime | None]:
        """All bytes of one file, its version while they were read, and when it was put there."""
        ...


class Folder:
    """A folder with everything below it, one file, or a glob."""

    def __init__(self, where: str) -> None:
        self.where = where

    def uris(self) -> dict[str, str | None]:
        where = Path(self.where)
        if where.is_dir():
            found = list(where.rglob("*"))
        elif glob.has_magic(self.where):
            found = list(Path(where.anchor).glob(str(where.relative_to(where.anchor))))
        elif where.is_file():
            found = [where]
        else:
            raise BadContent("CONFIG_READINGS", f"{self.where} does not exist; correct SMART_METERS_READINGS")
        # Partial uploads (`*.part`, hidden files) are not deliveries yet.
        files = sorted(path for path in found if _is_delivery(path.name) and path.is_file())
        return {path.as_uri(): _version(path.stat()) for path in files}

    def read(self, uri: str) -> tuple[bytes, str | None, datetime | None]:
        path = Path(_path_of(uri))
        for _ in range(2):
            try:
                with path.open("rb") as file:
                    before = os.fstat(file.fileno())
                    if before.st_size > MOST_BYTES:
                        raise BadContent("DATA_TOO_LARGE", f"{before.st_size} bytes; more than {MOST_BYTES}")
                    content = file.read()
                after = path.stat()
            except FileNotFoundError:
                raise BadContent("DATA_MISSING_FILE", "the file went away before it could be read") from None
            except OSError as error:
                raise BadContent("SOURCE_UNREADABLE", f"cannot be read: {error.strerror}") from None
            if _stamp(before) == _stamp(after) and len(content) == after.st_size:
                return content, _version(after), _modified(after)
        raise BadContent("DATA_FILE_MOVED", "the file changed while it was read, twice; it is taken when it rests")


class Bucket:
    """An S3 prefix or glob. No listing is cached: a cached one would hide new and replaced objects."""

    def __init__(self, where: str) -> None:
        import s3fs

        self.where = where
        self.s3: Any = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)

    def uris(self) -> dict[str, str | None]:
        with _s3_errors("CONFIG_S3"):
            if glob.has_magic(self.where):
                found = self.s3.glob(self.where, detail=True)
            else:
                found = self.s3.find(self.where, detail=True)
            if not found:
                self.s3.ls(self.where.removeprefix("s3://").split("/")[0])  # raises when there is no such bucket
        return {f"s3://{name}": _etag(info) for name, info in sorted(found.items()) if _is_delivery(name)}

    def read(self, uri: str) -> tuple[bytes, str | None, datetime | None]:
        with _s3_errors("DATA_MISSING_FILE"):
            for _ in range(2):
                before = self.s3.info(uri, refresh=True)
                if before["size"] > MOST_BYTES:
                    raise BadContent("DATA_TOO_LARGE", f"{before['size']} bytes; more than {MOST_BYTES}")
                content: bytes = self.s3.cat_file(uri)
                if _etag(before) == _etag(self.s3.info(uri, refresh=True)) and len(content) == before["size"]:
                    return content, _etag(before), before["LastModified"]
        raise BadContent("DATA_FILE_MOVED", "the object was replaced while it was read, twice; try again")


def new_files(run: Run, where: str) -> Iterator[Delivered | Problem | Unchanged]:
    """What lies there, in order of name: new content, files that cannot be landed, and those that hold nothing new.

    A content is landed once: a copy under another name is nothing new, unless that name tells the meter point.
    A file that went back to an older content is new.
    """
    place: Place = Bucket(where) if where.startswith("s3://") else Folder(where)
    try:
        uris = place.uris()
    except BadContent as error:
        yield Problem(error.code, error.message, TABLE, where)
        return
    if not uris:
        log.warning("no *.json or *.json.gz in %s", where)
    folder = run.scratch / "readings"
    folder.mkdir(parents=True, exist_ok=True)
    last, everywhere = _landed(run)
    of_this_run: set[tuple[str, str]] = set()
    is_forced = run.params.get("full", "").lower() in ("1", "true", "yes")
    for number, (uri, listed) in enumerate(uris.items(), 1):
        run.progress(number, len(uris), "files of readings")
        known_version, known_sha = last.get(uri, (None, None))
        if listed is not None and listed == known_version and not is_forced:
            yield Unchanged(TABLE, uri)
            continue
        try:
            content, version, delivered_at = place.read(uri)
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 == known_sha:
                yield Unchanged(TABLE, uri)
                continue
            name = _name(uri)
            text = _plain(name, content)
            label = _label(name, text)
            # In one load a content lands once, whatever else was known of its address: its rows have one place each.
            if (sha256, label) in of_this_run or (known_sha is None and (sha256, label) in everywhere):
                yield Unchanged(TABLE, uri)
                continue
            check_text(text)
        except BadContent as error:
            yield Problem(error.code, error.message, TABLE, uri, error.row, error.column)
            continue
        everywhere.add((sha256, label))
        of_this_run.add((sha256, label))
        stored = run.store(TABLE, name, content, sha256, label=label)
        path = stored.path
        if len(text) != len(content):
            path = folder / f"{number}.json"
            path.write_bytes(text)
        yield Delivered(uri, _stem(name), version, _iso(delivered_at), stored, path, text)


def _plain(name: str, content: bytes) -> bytes:
    """The JSON text in the bytes: unpacked, without BOM."""
    if not content:
        raise BadContent("DATA_EMPTY_FILE", "0 bytes: an upload that did not happen; have it delivered again")
    text = b"".join(inflate([content])) if name.lower().endswith(".gz") else content
    return text.removeprefix(_BOM)


def _label(name: str, text: bytes) -> str:
    """What the lake's name adds to a file that names no meter point: the same bytes under another name are about
    another meter, and the lake keeps equal bytes of one label once."""
    if b"meterpoint" in text[:_HEAD].lower() or b"meterpoint" in text.lower():
        return ""
    return re.sub(r"[^A-Za-z0-9_-]", "_", _stem(name))


def _landed(run: Run) -> tuple[dict[str, tuple[str | None, str]], set[tuple[str, str]]]:
    """Version and hash of the latest content that was landed from each address; hash and label of every content."""
    found = run.query(
        "select uri, version, sha256, source_file from raw.landed_files "
        f"where source = 'smart_meters' and table_name = '{TABLE}' order by _dlt_load_id"
    )
    last = {str(uri): (None if version is None else str(version), str(sha)) for uri, version, sha, _ in found}
    return last, {(str(sha), str(name).partition("@")[2]) for _, _, sha, name in found}


def _is_delivery(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith(SUFFIXES) and not base.startswith(".")


def _name(uri: str) -> str:
    """The file's own name; addresses of local files are percent-encoded, those of S3 are not."""
    name = uri.rsplit("/", 1)[1]
    return unquote(name) if uri.startswith("file:") else name


def _stem(name: str) -> str:
    return name[: -len(".json.gz")] if name.lower().endswith(".json.gz") else name[: -len(".json")]


def _path_of(uri: str) -> str:
    return unquote(urlsplit(uri).path)


def _stamp(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _version(stat: os.stat_result) -> str | None:
    """Size and times; the change time cannot be set back by a copy that keeps the others. None when just changed."""
    if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < _SETTLED_NS:
        return None
    return f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}"


def _modified(stat: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(stat.st_mtime, UTC)
    except (ValueError, OverflowError):  # a copy may carry a year that no calendar has
        return None


def _iso(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _etag(info: dict[str, Any]) -> str | None:
    tag = info.get("ETag")
    return None if tag is None else str(tag).strip('"')


@contextmanager
def _s3_errors(absent: str) -> Iterator[None]:
    """Turns what S3 says into a code and a message without keys; `absent` is the code when something is not there."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # type: ignore[import-untyped]

    try:
        yield
    except FileNotFoundError:
        raise BadContent(absent, "no such bucket or object; correct SMART_METERS_READINGS") from None
    except (PermissionError, NoCredentialsError) as error:
        if "Skewed" in f"{error} {error.__cause__}":
            raise BadContent("CONFIG_CLOCK", "S3 refuses the clock of this host; set it right") from None
        raise BadContent("DENIED_S3", "S3 refuses these credentials; check AWS_ACCESS_KEY_ID and policy") from None
    except (OSError, BotoCoreError, ClientError) as error:
        raise BadContent("SOURCE_S3", f"S3 cannot be read now ({type(error).__name__}); try again later") from None
