"""What a backup consists of: a folder with its parts, and a manifest written last that has the SHA-256 of each."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from operations.errors import BackupError

FORMAT = 1
NAME = "manifest.json"
MAKING = ".making-"
"""How the folder of a backup begins that is not complete yet: under way, or interrupted."""
DATABASE, FILE, PUBLISHED_FILE = "warehouse.dump", "warehouse.duckdb", "published.duckdb"
KEY, LAKE_LIST, LAKE_FOLDER = "pseudonym.key", "lake.csv", "lake"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """One file of the backup; `secret` ones are for nobody else's eyes."""

    name: str
    bytes: int
    sha256: str
    secret: bool = False


@dataclass(frozen=True)
class LakeNote:
    """The lake at the time: where, how much, whether its files were copied, and how many landed ones it had lost."""

    url: str
    files: int
    bytes: int
    copied: bool
    missing: int


@dataclass(frozen=True)
class Manifest:
    """`tables` are the rows of each table, as schema.name; `roles` those that own the warehouse or are granted it."""

    made_at: str
    engine: str
    warehouse: str
    newest_load: str
    git_sha: str | None
    versions: dict[str, str]
    roles: list[str]
    tables: dict[str, int]
    lake: LakeNote
    parts: list[Part] = field(default_factory=list)
    run_id: str | None = None
    """Its name in `ledger.operation_runs`; None for one of a drill, and of before."""
    format: int = FORMAT

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts) + (self.lake.bytes if self.lake.copied else 0)

    def write(self, folder: Path) -> None:
        with (folder / NAME).open("w", encoding="utf-8") as stream:
            json.dump(asdict(self), stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())


def copied(source: BinaryIO, target: Path, secret: bool = False) -> Part:
    """Copies an open file, for the owner's eyes only, and tells its hash."""
    digest = hashlib.sha256()
    size = 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            stream.write(chunk)
            size += len(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    return Part(target.name, size, digest.hexdigest(), secret)


def measured(path: Path, name: str | None = None) -> Part:
    """Size and hash of a file as it lies there."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return Part(name or path.name, path.stat().st_size, digest.hexdigest())


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, its parts unseen. Raises BackupError when it is no complete backup, or of another format."""
    if folder.name.startswith(MAKING):
        raise BackupError(
            "BACKUP_INTERRUPTED", f"{folder} is a backup that was interrupted or is under way; take another"
        )
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise BackupError("BACKUP_FORMAT", f"{folder} has format {found['format']}, this is for format {FORMAT}")
        return Manifest(**{**found, "parts": [Part(**p) for p in found["parts"]], "lake": LakeNote(**found["lake"])})
    except FileNotFoundError:
        raise BackupError("BACKUP_MISSING", f"{folder} is no backup: it has no {NAME}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError("BACKUP_DAMAGED", f"{folder / NAME} cannot be read ({type(error).__name__})") from None


def verified(folder: Path) -> Manifest:
    """The manifest, after every part was read and compared with its hash. Raises BackupError naming what is wrong."""
    from operations.lake import listed

    manifest = read_manifest(folder)
    for part in manifest.parts:
        _verify(folder, part)
    if manifest.lake.copied:
        for file in listed(folder):
            _verify(folder, Part(f"{LAKE_FOLDER}/{file.key}", file.bytes, file.sha256))
    return manifest


def _verify(folder: Path, part: Part) -> None:
    path = folder / part.name
    if not path.is_file():
        raise BackupError("BACKUP_DAMAGED", f"{path} is missing; take another backup. Nothing was changed.")
    if path.stat().st_size != part.bytes or measured(path).sha256 != part.sha256:
        raise BackupError(
            "BACKUP_DAMAGED", f"{path} is not what was backed up (its SHA-256 is another). Nothing was changed."
        )
