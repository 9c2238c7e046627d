"""The lake in a backup: a list of its files, and on request the files themselves. A local folder or a bucket."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.errors import BackupError
from operations.manifest import CHUNK, LAKE_FOLDER, LAKE_LIST, LakeNote


@dataclass(frozen=True)
class LakeFile:
    """`sha256` is empty when the file was neither landed nor copied."""

    key: str
    bytes: int
    sha256: str


class LakeFolder:
    """The files under a lake's address, by key."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        self.is_local = "://" not in url
        name = "file" if self.is_local else url.split("://", 1)[0]
        options = {} if self.is_local else {"use_listings_cache": False, "skip_instance_cache": True}
        self.system: Any = fsspec.filesystem(name, **options)
        self.root = self.url if self.is_local else self.url.split("://", 1)[1]

    def files(self) -> dict[str, int]:
        """Bytes of each file; raises BackupError when the lake cannot be listed. One that does not exist is empty."""
        try:
            found = self.system.find(self.root, detail=True)
        except FileNotFoundError:
            return {}
        except Exception as error:  # fsspec's systems have errors of their own, whose text may hold an address
            raise self._error("listed", error) from None
        sizes = {name[len(self.root) + 1 :]: int(info["size"]) for name, info in found.items()}
        return {key: size for key, size in sizes.items() if not key.rsplit("/", 1)[-1].startswith(".")}

    def fetch(self, key: str, target: Path) -> LakeFile:
        """Copies a file out of the lake."""
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        try:
            with self.system.open(f"{self.root}/{key}", "rb") as source, target.open("xb") as stream:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    stream.write(chunk)
                    size += len(chunk)
                stream.flush()
                os.fsync(stream.fileno())
        except Exception as error:
            raise self._error(f"read ({key})", error) from None
        target.chmod(0o600)
        return LakeFile(key, size, digest.hexdigest())

    def put(self, source: Path, key: str) -> None:
        """Copies a file into the lake, whole or not at all."""
        try:
            if not self.is_local:
                self.system.put_file(str(source), f"{self.root}/{key}")
                return
            target = Path(self.root) / key
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            temporary.write_bytes(source.read_bytes())
            temporary.chmod(0o444)
            temporary.replace(target)
        except Exception as error:
            raise self._error(f"written ({key})", error) from None

    def _error(self, done: str, error: Exception) -> BackupError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return BackupError("LAKE_UNREACHABLE", f"the lake {self.url} cannot be {done}: {reason}; check LAKE_URL")


def note(url: str, landed: dict[str, tuple[int, str]], folder: Path, with_files: bool) -> LakeNote:
    """Lists the lake into the backup, and copies its files there when asked. `landed`: bytes and hash by key."""
    lake = LakeFolder(url)
    present = lake.files()
    files = [
        lake.fetch(key, folder / LAKE_FOLDER / key)
        if with_files
        else LakeFile(key, size, landed[key][1] if key in landed else "")
        for key, size in sorted(present.items())
    ]
    with (folder / LAKE_LIST).open("x", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("key", "bytes", "sha256"))
        writer.writerows((file.key, file.bytes, file.sha256) for file in files)
    lost = [key for key, (size, _) in landed.items() if present.get(key) != size]
    return LakeNote(lake.url, len(files), sum(file.bytes for file in files), with_files, len(lost))


def listed(folder: Path) -> Iterator[LakeFile]:
    """The lake's files as the backup lists them."""
    with (folder / LAKE_LIST).open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield LakeFile(row["key"], int(row["bytes"]), row["sha256"])


def differing(folder: Path, url: str) -> tuple[list[LakeFile], list[LakeFile]]:
    """What the backup lists and the lake under `url` lacks; and what it has of another size."""
    present = LakeFolder(url).files()
    files = list(listed(folder))
    absent = [file for file in files if file.key not in present]
    return absent, [file for file in files if present.get(file.key, file.bytes) != file.bytes]


def put_back(folder: Path, files: list[LakeFile], url: str) -> None:
    """Copies files of the backup into the lake; what is there already stays."""
    lake = LakeFolder(url)
    for file in files:
        lake.put(folder / LAKE_FOLDER / file.key, file.key)
