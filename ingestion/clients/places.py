"""Where files are delivered: a folder, a glob, one file, or an S3 prefix; and which of them are new.

A file seen before is passed by without being opened when its version (size and times, or S3's ETag) is the one that was
landed, so a day's delivery costs a day's work however long the history in the folder.
"""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from ingestion.clients.content import MOST_BYTES, BadContent
from ingestion.source import Run

_PIECE = 8 << 20
_SETTLED_NS = 2_000_000_000
"""A file changed within this time of being read may change again without its times showing it."""


@dataclass(frozen=True)
class Copied:
    """A delivered file as it was while it was copied; its version and time as in `Place.read`."""

    sha256: str
    bytes: int
    version: str | None
    delivered_at: str | None


class Place(Protocol):
    """Where files are delivered. Errors are BadContent, with the code to report."""

    def uris(self) -> dict[str, str | None]:
        """Every delivered file and its version, in order of name; None where no version can be relied on."""
        ...

    def read(self, uri: str) -> tuple[bytes, str | None, str | None]:
        """All bytes of one file, its version while they were read, and when it was put there (ISO 8601, UTC)."""
        ...

    def copy(self, uri: str, target: Path, most_bytes: int = MOST_BYTES) -> Copied:
        """As `read`, into a local file, never holding more than a piece of it."""
        ...


def place(where: str, setting: str, suffixes: Sequence[str]) -> Place:
    """The place at an absolute path, a glob or `s3://bucket/prefix`.

    `setting` is the variable that its messages tell to correct; only names that end in one of `suffixes` (lower case)
    are deliveries: partial uploads (`*.part`) and hidden files are not yet.
    """
    kind = Bucket if where.startswith("s3://") else Folder
    return kind(where, setting, tuple(suffixes))


def name_of(uri: str) -> str:
    """The file's own name; addresses of local files are percent-encoded, those of S3 are not."""
    name = uri.rsplit("/", 1)[1]
    return unquote(name) if uri.startswith("file:") else name


class Folder:
    """A folder with everything below it, one file, or a glob."""

    def __init__(self, where: str, setting: str, suffixes: tuple[str, ...]) -> None:
        self.where, self.setting, self.suffixes = where, setting, suffixes

    def uris(self) -> dict[str, str | None]:
        where = Path(self.where)
        if where.is_dir():
            found = list(where.rglob("*"))
        elif glob.has_magic(self.where):
            found = list(Path(where.anchor).glob(str(where.relative_to(where.anchor))))
        elif where.is_file():
            found = [where]
        else:
            code = "CONFIG_" + self.setting.rsplit("_", 1)[-1]
            raise BadContent(code, f"{self.where} does not exist; correct {self.setting}")
        files = sorted(path for path in found if _is_delivery(path.name, self.suffixes) and path.is_file())
        return {path.as_uri(): _version(path.stat()) for path in files}

    def read(self, uri: str) -> tuple[bytes, str | None, str | None]:
        content, after = self._at_rest(uri, MOST_BYTES, lambda file: file.read(), len)
        return content, _version(after), _iso(_modified(after))

    def copy(self, uri: str, target: Path, most_bytes: int = MOST_BYTES) -> Copied:
        def pieces(file: BinaryIO) -> tuple[str, int]:
            return _pour(file.read, target)

        (digest, size), after = self._at_rest(uri, most_bytes, pieces, lambda copied: copied[1])
        return Copied(digest, size, _version(after), _iso(_modified(after)))

    def _at_rest(
        self, uri: str, most_bytes: int, take: Callable[[BinaryIO], Any], size_of: Callable[[Any], int]
    ) -> tuple[Any, os.stat_result]:
        """What `take` takes from the file while it does not change; a second try, then `DATA_FILE_MOVED`."""
        path = Path(unquote(urlsplit(uri).path))
        for _ in range(2):
            try:
                with path.open("rb") as file:
                    before = os.fstat(file.fileno())
                    _check_size(before.st_size, most_bytes)
                    taken = take(file)
                after = path.stat()
            except FileNotFoundError:
                raise BadContent("DATA_MISSING_FILE", "the file went away before it could be read") from None
            except OSError as error:
                raise BadContent("SOURCE_UNREADABLE", f"cannot be read: {error.strerror}") from None
            if _stamp(before) == _stamp(after) and size_of(taken) == after.st_size:
                return taken, after
        raise BadContent("DATA_FILE_MOVED", "the file changed while it was read, twice; it is taken when it rests")


class Bucket:
    """An S3 prefix or glob. No listing is cached: a cached one would hide new and replaced objects."""

    def __init__(self, where: str, setting: str, suffixes: tuple[str, ...]) -> None:
        import s3fs

        self.where, self.setting, self.suffixes = where, setting, suffixes
        self.s3: Any = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)

    def uris(self) -> dict[str, str | None]:
        with self._errors("CONFIG_S3"):
            if glob.has_magic(self.where):
                found = self.s3.glob(self.where, detail=True)
            else:
                found = self.s3.find(self.where, detail=True)
            if not found:
                self.s3.ls(self.where.removeprefix("s3://").split("/")[0])  # raises when there is no such bucket
        return {
            f"s3://{name}": _etag(info) for name, info in sorted(found.items()) if _is_delivery(name, self.suffixes)
        }

    def read(self, uri: str) -> tuple[bytes, str | None, str | None]:
        with self._errors("DATA_MISSING_FILE"):
            for _ in range(2):
                before = self.s3.info(uri, refresh=True)
                _check_size(before["size"], MOST_BYTES)
                content: bytes = self.s3.cat_file(uri)
                if _etag(before) == _etag(self.s3.info(uri, refresh=True)) and len(content) == before["size"]:
                    return content, _etag(before), _iso(before["LastModified"])
        raise BadContent("DATA_FILE_MOVED", "the object was replaced while it was read, twice; try again")

    def copy(self, uri: str, target: Path, most_bytes: int = MOST_BYTES) -> Copied:
        from s3fs.utils import FileExpired

        with self._errors("DATA_MISSING_FILE"):
            for _ in range(2):
                with self.s3.open(uri, "rb", block_size=_PIECE, cache_type="readahead") as file:
                    _check_size(file.size, most_bytes)
                    try:
                        digest, size = _pour(file.read, target)  # each piece is asked for with the ETag of the first
                    except FileExpired:
                        continue
                    if size == file.size:
                        return Copied(digest, size, _etag(file.details), _iso(file.details["LastModified"]))
        raise BadContent("DATA_FILE_MOVED", "the object was replaced while it was read, twice; try again")

    @contextmanager
    def _errors(self, absent: str) -> Iterator[None]:
        """Turns what S3 says into a code and a message without keys; `absent` is the code of what is not there."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # type: ignore[import-untyped]

        try:
            yield
        except FileNotFoundError:
            raise BadContent(absent, f"no such bucket or object; correct {self.setting}") from None
        except (PermissionError, NoCredentialsError) as error:
            if "Skewed" in f"{error} {error.__cause__}":
                raise BadContent("CONFIG_CLOCK", "S3 refuses the clock of this host; set it right") from None
            raise BadContent("DENIED_S3", "S3 refuses these credentials; check AWS_ACCESS_KEY_ID and policy") from None
        except (OSError, BotoCoreError, ClientError) as error:
            raise BadContent("SOURCE_S3", f"S3 cannot be read now ({type(error).__name__}); try again later") from None


class Known:
    """What raw holds of a source's delivered files: the latest content of each address, and every content once."""

    def __init__(self, run: Run, source: str, tables: Sequence[str]) -> None:
        names = ", ".join(f"'{table}'" for table in tables)
        found = run.query(
            "select uri, version, sha256, source_file from raw.landed_files "
            f"where source = '{source}' and table_name in ({names}) order by _dlt_load_id"
        )
        self._last = {str(uri): (None if version is None else str(version), str(sha)) for uri, version, sha, _ in found}
        self._everywhere = {(str(sha), str(name).partition("@")[2]) for _, _, sha, name in found}
        self._of_this_run: set[tuple[str, str]] = set()
        self._is_forced = run.params.get("full", "").lower() in ("1", "true", "yes")

    def has_version(self, uri: str, version: str | None) -> bool:
        """Whether what lies there is what was landed last, by its version alone; `--param full=true` trusts none."""
        return version is not None and not self._is_forced and version == self._last.get(uri, (None, ""))[0]

    def has_content(self, uri: str, sha256: str, label: str = "") -> bool:
        """Whether these bytes are nothing new: the latest of this address, or, at a new address, known from another.

        `label` is what the file's name adds to its bytes. A file that went back to an older content is new.
        """
        _, last = self._last.get(uri, (None, None))
        # In one load a content lands once, whatever else was known of its address: its rows have one place each.
        return (
            sha256 == last
            or (sha256, label) in self._of_this_run
            or (last is None and (sha256, label) in self._everywhere)
        )

    def add(self, sha256: str, label: str = "") -> None:
        """This run lands these bytes."""
        self._everywhere.add((sha256, label))
        self._of_this_run.add((sha256, label))


def _pour(read: Callable[[int], bytes], target: Path) -> tuple[str, int]:
    """Writes the pieces into the file; its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    # Unbuffered: closing a buffer on a full disk would raise in place of what is said here.
    with target.open("wb", buffering=0) as out:
        while piece := read(_PIECE):
            digest.update(piece)
            size += len(piece)
            left = memoryview(piece)
            try:
                while left:
                    left = left[out.write(left) :]
            except OSError as error:
                raise BadContent("DISK_WRITE", f"cannot write {target}: {error.strerror}") from None
    return digest.hexdigest(), size


def _check_size(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise BadContent("DATA_TOO_LARGE", f"{size} bytes; more than {most_bytes}")


def _is_delivery(name: str, suffixes: tuple[str, ...]) -> bool:
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith(suffixes) and not base.startswith(".")


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
