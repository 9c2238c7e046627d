"""Delivered JSON files: which of them are new, and their bytes into the lake as they came."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.clients import places
from ingestion.clients.content import BadContent, check_text, inflate
from ingestion.source import Problem, Run, StoredFile, Unchanged

log = logging.getLogger(__name__)

TABLE = "meter_readings"
SUFFIXES = (".json", ".json.gz")
_HEAD = 4096
_BOM = b"\xef\xbb\xbf"


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


def new_files(run: Run, where: str) -> Iterator[Delivered | Problem | Unchanged]:
    """What lies there, in order of name: new content, files that cannot be landed, and those that hold nothing new.

    A content is landed once: a copy under another name is nothing new, unless that name tells the meter point.
    A file that went back to an older content is new.
    """
    place = places.place(where, "SMART_METERS_READINGS", SUFFIXES)
    try:
        uris = place.uris()
    except BadContent as error:
        yield Problem(error.code, error.message, TABLE, where)
        return
    if not uris:
        log.warning("no *.json or *.json.gz in %s", where)
    folder = run.scratch / "readings"
    folder.mkdir(parents=True, exist_ok=True)
    known = places.Known(run, "smart_meters", [TABLE])
    for number, (uri, listed) in enumerate(uris.items(), 1):
        run.progress(number, len(uris), "files of readings")
        if known.has_version(uri, listed):
            yield Unchanged(TABLE, uri)
            continue
        try:
            content, version, delivered_at = place.read(uri)
            sha256 = hashlib.sha256(content).hexdigest()
            name = places.name_of(uri)
            text = _plain(name, content)
            label = _label(name, text)
            if known.has_content(uri, sha256, label):
                yield Unchanged(TABLE, uri)
                continue
            check_text(text)
        except BadContent as error:
            yield Problem(error.code, error.message, TABLE, uri, error.row, error.column)
            continue
        known.add(sha256, label)
        stored = run.store(TABLE, name, content, sha256, label=label)
        path = stored.path
        if len(text) != len(content):
            path = folder / f"{number}.json"
            path.write_bytes(text)
        yield Delivered(uri, _stem(name), version, delivered_at, stored, path, text)


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


def _stem(name: str) -> str:
    return name[: -len(".json.gz")] if name.lower().endswith(".json.gz") else name[: -len(".json")]
