"""Verbatim bytes in: every delivered file is kept as it came, once per content, in a local folder or under `s3://`.

A file's key is `raw/<source>/<table>/YYYY/MM/DD/<first 12 hex of its SHA-256>[@<label>].<extension>`, dated by the day
it is about or was first asked for: the logical day of the run, not the clock. Hash and label stand as `_source_file` on
every row; `raw.landed_files` leads from it to the key, and to the address the bytes came from. Nothing is ever
overwritten or deleted here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from ingestion.errors import LandingError
from ingestion.source import LakeEntry, StoredFile

HASH_LENGTH = 12
CHUNK = 1 << 20
LONGEST_LABEL = 160
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_DATED = re.compile(r"raw/[^/]+/[^/]+/(\d{4})/(\d\d)/(\d\d)/[0-9a-f]{12,64}(?:@([A-Za-z0-9_-]+))?(?:\.[A-Za-z0-9.]+)?")


class Lake:
    """The lake under `url`; `scratch` is a folder for this run only, where S3 objects have their local copies."""

    def __init__(self, url: str, scratch: Path) -> None:
        self.url = url.rstrip("/")
        self.scratch = scratch
        self.remote: Any = None
        if "://" in self.url:
            import fsspec

            # A listing cache would hide what another run has just stored.
            self.remote = fsspec.filesystem(
                self.url.split("://", 1)[0], use_listings_cache=False, skip_instance_cache=True
            )
        else:
            self.root = Path(self.url)
        self._known: dict[str, dict[str, str]] = {}
        self._listing = threading.Lock()

    def put(
        self,
        source: str,
        table: str,
        name: str,
        content: bytes | Path,
        sha256: str | None = None,
        *,
        day: date,
        label: str = "",
    ) -> StoredFile:
        """Stores the content unless the lake has it under this label; a Path is moved away from where it was.

        `name` only gives the extension. Raises LandingError `DISK_FULL` or `LAKE_WRITE`.
        """
        digest = sha256 or digest_of(content)
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        folder = _folder(source, table)
        mark = f"@{_UNFIT.sub('_', label)[:LONGEST_LABEL]}" if label else ""
        with self._errors(f"cannot store {name} in", "LAKE_WRITE"):
            key, known = self._key(folder, digest, mark, _extension(name), day)
            path = self._put_remote(key, content, known) if self.remote else self._put_local(key, content)
        self._known[folder][digest[:HASH_LENGTH] + mark] = key
        return StoredFile(key, path, digest, size)

    def entries(self, source: str, table: str, since: date | None = None, until: date | None = None) -> list[LakeEntry]:
        """What is kept of the table between two days (both in), by day and key. Raises LandingError `LAKE_READ`."""
        folder = _folder(source, table)
        found = []
        with self._errors(f"cannot list {folder} of", "LAKE_READ"):
            for key in self._keys(folder):
                dated = _DATED.fullmatch(key)
                if dated is None:
                    continue  # not a name of ours: somebody else's file
                day = date(int(dated[1]), int(dated[2]), int(dated[3]))
                if (since is None or day >= since) and (until is None or day <= until):
                    found.append(LakeEntry(key, day, dated[4] or ""))
        return sorted(found, key=lambda entry: (entry.day, entry.key))

    def open(self, entry: LakeEntry) -> StoredFile:
        """A kept file with a local path. Raises LandingError `LAKE_READ`; `LAKE_DAMAGED` when its hash is another."""
        with self._errors(f"cannot read {entry.key} from", "LAKE_READ"):
            path = self.scratch / "lake" / entry.key if self.remote else self.root / entry.key
            if self.remote:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.remote.get_file(f"{self.url}/{entry.key}", str(path))
            digest, size = digest_of(path), path.stat().st_size
        if not digest.startswith(entry.key.rsplit("/", 1)[1].split(".", 1)[0].split("@", 1)[0]):
            raise LandingError("LAKE_DAMAGED", f"{entry.key} in the lake {self.url} is not what its name says")
        return StoredFile(entry.key, path, digest, size)

    @contextmanager
    def _errors(self, doing: str, code: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            found = "DISK_FULL" if error.errno == 28 else code
            raise LandingError(found, f"{doing} the lake {self.url}: {error.strerror or error}") from None
        except Exception as error:
            if not self.remote:
                raise
            # botocore's own errors (no credentials, no connection) are no OSError; their text may hold an address.
            advice = "check LAKE_URL and the AWS_ variables"
            raise LandingError(code, f"{doing} the lake {self.url}: {type(error).__name__}; {advice}") from None

    def _key(self, folder: str, digest: str, mark: str, extension: str, day: date) -> tuple[str, bool]:
        """The key of this content under this label, and whether the lake has it already."""
        with self._listing:  # several threads may store at once: waiting for the disk, or for S3, takes most of it
            if folder not in self._known:
                self._known[folder] = {key.rsplit("/", 1)[1].split(".", 1)[0]: key for key in self._keys(folder)}
        found = self._known[folder].get(digest[:HASH_LENGTH] + mark)
        if found and self._digest(found) == digest:
            return found, True
        # Two contents that share 48 bits: the newcomer gets its whole hash for a name.
        length = 64 if found else HASH_LENGTH
        return f"{folder}/{day:%Y/%m/%d}/{digest[:length]}{mark}{extension}", False

    def _keys(self, folder: str) -> list[str]:
        if self.remote:
            prefix = self.url.split("://", 1)[1]
            with suppress(FileNotFoundError):
                return [key[len(prefix) + 1 :] for key in self.remote.find(f"{prefix}/{folder}")]
            return []
        found = (self.root / folder).glob("*/*/*/*")
        return [str(path.relative_to(self.root)) for path in found if path.name[0] != "."]

    def _digest(self, key: str) -> str:
        name = key.rsplit("/", 1)[1].split(".", 1)[0].split("@", 1)[0]
        if len(name) == 64:
            return name
        if self.remote:
            digest = hashlib.sha256()
            with self.remote.open(f"{self.url}/{key}", "rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
            return digest.hexdigest()
        return digest_of(self.root / key)

    def _put_local(self, key: str, content: bytes | Path) -> Path:
        target = self.root / key
        if target.exists():
            if isinstance(content, Path):
                content.unlink()
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                if isinstance(content, bytes):
                    stream.write(content)
                elif not _renamed(content, temporary):
                    with content.open("rb") as original:
                        shutil.copyfileobj(original, stream, CHUNK)
                stream.flush()
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())  # a row must never point to bytes that a power cut took away
            temporary.chmod(0o444)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if isinstance(content, Path):
            content.unlink(missing_ok=True)
        return target

    def _put_remote(self, key: str, content: bytes | Path, known: bool) -> Path:
        local = self.scratch / "lake" / key
        local.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            local.write_bytes(content)
        else:
            shutil.move(content, local)
        if not known:
            self.remote.put_file(str(local), f"{self.url}/{key}")  # an object appears whole or not at all
        return local


def _folder(source: str, table: str) -> str:
    return f"raw/{source}/{table}"


def digest_of(content: bytes | Path) -> str:
    """SHA-256 in hex; a file is read in pieces."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _renamed(content: Path, temporary: Path) -> bool:
    try:
        content.replace(temporary)
        return True
    except OSError:  # another file system
        return False


def _extension(name: str) -> str:
    """`.json` or `.json.gz` of a delivered name; DuckDB goes by it to unpack."""
    found = re.search(r"(\.[A-Za-z0-9]{1,8})?(\.(?:gz|zst))?$", Path(name).name)
    return found[0].lower() if found else ""
