"""Answers kept earlier: files of an archive, which go into the lake, and those that the lake has. Nobody is asked."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ingestion.clients.content import BadContent, inflate
from ingestion.clients.places import Place, name_of, place
from ingestion.errors import LandingError
from ingestion.source import LakeEntry, Problem, Run, StoredFile, Unchanged, source_file
from ingestion.sources.openweather.answers import (
    LARGEST_BYTES,
    TABLE,
    Found,
    Kept,
    Known,
    asked_for,
    check,
    label,
    place_of,
    told,
)
from ingestion.sources.openweather.settings import Units

STORING, CHUNK = 16, 256
"""Threads that read and store, each waiting for the disk or S3, and how many files they are given at once."""

_NAMED = re.compile(r"(?:/(\d{4})/(\d\d)/(\d\d)/[^/]*|_(\d{4})(\d\d)(\d\d)\.json(?:\.gz)?)$", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"


Other = Problem | Unchanged


@dataclass(frozen=True)
class _New:
    """One file of an archive that is new, before it is stored."""

    uri: str
    place: str
    units: Units
    content: bytes
    text: bytes
    sha256: str
    day: date
    version: str | None
    delivered_at: str | None


@dataclass(frozen=True)
class Archive:
    """What one run finds of answers kept earlier; `folder` is for their plain texts."""

    run: Run
    known: Known
    folder: Path

    def files(self, where: str, units: Units) -> Found:
        """Files of an archive, each under the day that its folder or name tells, else under that of its observation.

        Only those of the run's days, when it has any.
        """
        try:
            archive = place(where, "OPENWEATHER_ARCHIVE", (".json", ".json.gz"))
            uris = [(uri, version) for uri, version in archive.uris().items() if self._is_asked_for(_day_of(uri))]
        except BadContent as error:
            yield Problem(error.code, error.message, TABLE, where)
            return
        with ThreadPoolExecutor(STORING, thread_name_prefix="lake") as pool:
            for start in range(0, len(uris), CHUNK):
                self.run.progress(start, len(uris), "answers kept earlier")
                chunk = uris[start : start + CHUNK]
                read = pool.map(lambda listed: self._read(archive, *listed), chunk)
                looked = [self._look(uri, found, units) for (uri, _), found in zip(chunk, read, strict=True)]
                yield from pool.map(self._keep, looked)
        self.run.progress(len(uris), len(uris), "answers kept earlier")

    def lake(self) -> Found:
        """Everything that the lake has between the run's days and raw has not."""
        entries = self.run.stored(TABLE, self.run.since, self.run.until)
        with ThreadPoolExecutor(STORING, thread_name_prefix="lake") as pool:
            for start in range(0, len(entries), CHUNK):
                self.run.progress(start, len(entries), "answers in the lake")
                yield from pool.map(self._open, entries[start : start + CHUNK])
        self.run.progress(len(entries), len(entries), "answers in the lake")

    def _open(self, entry: LakeEntry) -> Kept | Other:
        uri = f"lake:{entry.key}"
        if source_file(entry.key) in self.known.names:
            return Unchanged(TABLE, uri)
        try:
            where, units = asked_for(entry.label)
            stored = self.run.open(entry)
            text = _plain(entry.key, stored.path.read_bytes())
            return Kept(uri, where, units, stored, self._local(stored, text), text)
        except BadContent as error:
            return Problem(error.code, error.message, TABLE, uri, error.row, error.column)
        except LandingError as error:
            if error.code != "LAKE_DAMAGED":  # the lake as a whole cannot be read
                raise
            return Problem(error.code, error.message, TABLE, uri)

    def _read(self, archive: Place, uri: str, listed: str | None) -> tuple[bytes, str | None, str | None] | Other:
        if listed is not None and listed == self.known.versions.get(uri):
            return Unchanged(TABLE, uri)
        try:
            return archive.read(uri)
        except BadContent as error:
            return Problem(error.code, error.message, TABLE, uri, error.row, error.column)

    def _look(self, uri: str, read: tuple[bytes, str | None, str | None] | Other, units: Units) -> _New | Other:
        """One file as far as it is read; not stored yet."""
        if not isinstance(read, tuple):
            return read
        content, version, delivered_at = read
        try:
            text = _plain(name_of(uri), content)
            said = told(text)
            where, day = place_of(said), _day_of(uri) or _observed(said)
            if day is None:
                raise BadContent("DATA_NO_DATE", "neither its folder nor its name nor dt gives a day")
        except BadContent as error:
            return Problem(error.code, error.message, TABLE, uri, error.row, error.column)
        sha256 = hashlib.sha256(content).hexdigest()
        if not (self._is_asked_for(day) and self.known.is_new(sha256, where, units)):
            return Unchanged(TABLE, uri)
        return _New(uri, where, units, content, text, sha256, day, version, delivered_at)

    def _is_asked_for(self, day: date | None) -> bool:
        since, until = self.run.since, self.run.until
        return day is None or ((since is None or since <= day) and (until is None or day <= until))

    def _keep(self, found: _New | Other) -> Kept | Other:
        if not isinstance(found, _New):
            return found
        name, mark = name_of(found.uri), label(found.place, found.units)
        stored = self.run.store(TABLE, name, found.content, found.sha256, label=mark, day=found.day)
        text = self._local(stored, found.text)
        return Kept(found.uri, found.place, found.units, stored, text, found.text, found.version, found.delivered_at)

    def _local(self, stored: StoredFile, text: bytes) -> Path:
        """The file in the lake when it is plain text, else a copy that is."""
        if stored.bytes == len(text):
            return stored.path
        path = self.folder / f"{stored.source_file}.json"
        path.write_bytes(text)
        return path


def _plain(name: str, content: bytes) -> bytes:
    """The JSON text in the bytes: unpacked, without BOM, and harmless."""
    packed = name.lower().endswith(".gz")
    text = (b"".join(inflate([content], LARGEST_BYTES)) if packed else content).removeprefix(_BOM)
    if not text.strip():
        raise BadContent("DATA_EMPTY_FILE", "nothing in it: an answer that was not kept")
    check(text)
    return text


def _day_of(uri: str) -> date | None:
    found = _NAMED.search(uri)
    with suppress(ValueError):
        if found:
            return date(*(int(part) for part in found.groups() if part))
    return None


def _observed(said: dict[str, Any]) -> date | None:
    with suppress(ValueError, TypeError, OverflowError, OSError):
        return datetime.fromtimestamp(int(str(said.get("dt"))), UTC).date()
    return None
