"""Pseudonyms: what marts show instead of account numbers, names and addresses.

A pseudonym is the HMAC-SHA-256 (hex) of the original's UTF-8 bytes under a secret key, so equal originals stay equal
and nobody without the key can try out all account numbers. Only staging and `raw.pseudonyms` hold originals. The key
is PSEUDONYM_KEY or a key file; `key_id` tells keys apart and is no part of one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import ConfigurationError
from ingestion.ledger import Row
from ingestion.settings import LandingSettings
from ingestion.source import Source
from ingestion.warehouse import RAW, Warehouse, literal, quoted

SHORTEST = 16


@dataclass(frozen=True)
class Key:
    """The secret, never shown (not even by repr), and the first 8 hex of its SHA-256."""

    secret: bytes
    made_at: Path | None = None
    """The key file, when it was made just now."""

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @property
    def id(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()[:8]

    def pseudonym(self, original: str) -> str:
        return hmac.digest(self.secret, original.encode(), "sha256").hex()


def load_key(settings: LandingSettings) -> Key:
    """The key of this installation; makes the key file (readable by its owner only) when there is none yet."""
    text, path = settings.pseudonym_key, settings.key_file
    if text is not None:
        return Key(_secret(text, "PSEUDONYM_KEY"))
    try:
        return Key(_secret(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileExistsError):
        path.hardlink_to(temporary)  # of two first runs at once, one makes the key and both use it
    temporary.unlink()
    return Key(_secret(path.read_text(encoding="utf-8"), str(path)), made_at=path)


def _secret(text: str, where: str) -> bytes:
    text = text.strip()
    if len(text) < SHORTEST:
        raise ConfigurationError("CONFIG_SETTING", f"{where}: the pseudonym key has fewer than {SHORTEST} characters")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()


def missing(warehouse: Warehouse, source: Source, key: Key) -> Iterator[Row]:
    """Rows for `raw.pseudonyms`: one per personal value of the source that has no pseudonym under this key yet.

    Only loads since the source's last pseudonyms are looked at: those before were covered then. After a kill between
    rows and pseudonyms, the next landing therefore finds and adds what is missing.
    """
    selects = [(table.name, column) for table in source.tables for column in table.personal]
    if not selects:
        return
    since = warehouse.rows(
        f"""
        select max(p._dlt_load_id) from {RAW}.pseudonyms as p
        where p.key_id = {literal(key.id)} and p._dlt_load_id in (
            select load_id from {RAW}._dlt_loads where status = 0 and schema_name = {literal(source.name)}
        )
        """
    )[0][0]
    values = " union ".join(
        f"select {quoted(column)} as original from {RAW}.{quoted(table)} "
        f"where {quoted(column)} is not null and _dlt_load_id > {literal(since or '')}"
        for table, column in selects
    )
    for (original,) in warehouse.rows(
        f"select original from ({values}) as found except "
        f"select original from {RAW}.pseudonyms where key_id = {literal(key.id)}"
    ):
        yield {"original": original, "pseudonym": key.pseudonym(original), "key_id": key.id}
