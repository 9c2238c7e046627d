"""Delivered bytes as UTF-8 text in a file, in bounded memory: unpacked, decoded by what is declared, never guessed.

UTF-8 is tried strictly; a byte-order mark says UTF-8, UTF-16 or UTF-32 of itself; everything else is in the encoding
that the settings declare. A wrong character is never replaced: cp1252 read as Latin-1 succeeds with other letters.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.clients.content import BadContent, inflate

MOST_UNPACKED_BYTES = 32 << 30
_PIECE = 8 << 20
_GZIP = b"\x1f\x8b"
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Text:
    """A local file of UTF-8, perhaps with its mark: DuckDB passes over that one."""

    path: Path
    encoding: str
    """What it was delivered in."""
    has_nul: bool


class _NotInEncoding(Exception):
    def __init__(self, byte: int) -> None:
        self.byte = byte


def utf8(delivered: Path, name: str, target: Path, declared: str) -> Text:
    """The delivered file itself when it is plain UTF-8, else a copy at `target`.

    Raises BadContent `DATA_EMPTY_FILE`, `DATA_ENCODING` (with the byte), `DATA_BOMB` and what `inflate` raises.
    """
    with delivered.open("rb") as file:
        start = file.read(4)
    if not start:
        raise BadContent("DATA_EMPTY_FILE", "0 bytes: an upload that did not happen; have it delivered again")
    is_packed = name.lower().endswith(".gz") or start.startswith(_GZIP)
    if is_packed:
        start = next(_pieces(delivered, is_packed), b"")[:4]
        if not start:
            raise BadContent("DATA_EMPTY_FILE", "0 bytes, packed: have it delivered again")
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    encoding = marked or "utf-8"
    try:
        return _written(delivered, is_packed, target, encoding)
    except _NotInEncoding as error:
        where = f"byte {error.byte} (line {_line(delivered, is_packed, error.byte)})"
        if marked or declared == "utf-8":
            raise BadContent("DATA_ENCODING", f"not {encoding.upper()} at {where}; have it exported again") from None
    try:
        return _written(delivered, is_packed, target, declared)
    except _NotInEncoding as error:
        why = f"not UTF-8 at {where} and not {declared} at byte {error.byte}"
        advice = "declare what it is in with ABBANOA_ENCODING, or have it exported as UTF-8"
        raise BadContent("DATA_ENCODING", f"{why}; {advice}") from None


def _written(delivered: Path, is_packed: bool, target: Path, encoding: str) -> Text:
    if encoding == "utf-8" and not is_packed:
        nul = [b"\0" in piece for piece in _checked(_pieces(delivered, False), encoding)]
        return Text(delivered, encoding, any(nul))
    has_nul = False
    with target.open("wb") as out:
        for piece in _checked(_pieces(delivered, is_packed), encoding):
            has_nul = has_nul or b"\0" in piece
            out.write(piece)
    return Text(target, encoding, has_nul)


def _checked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces as UTF-8; raises _NotInEncoding at the first byte that is not of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    before, is_utf8 = 0, encoding == "utf-8"
    for piece in pieces:
        waiting = len(decoder.getstate()[0])
        if is_utf8 and not waiting and piece.isascii():
            yield piece
        else:
            text = _decoded(decoder, piece, before - waiting)
            yield piece if is_utf8 else text.encode("utf-8", "surrogatepass")
        before += len(piece)
    _decoded(decoder, b"", before - len(decoder.getstate()[0]), is_final=True)


def _decoded(decoder: codecs.IncrementalDecoder, piece: bytes, begins_at: int, is_final: bool = False) -> str:
    try:
        return decoder.decode(piece, is_final)
    except UnicodeDecodeError as error:
        raise _NotInEncoding(begins_at + error.start) from None


def _pieces(path: Path, is_packed: bool) -> Iterator[bytes]:
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(_PIECE), b"")
        yield from inflate(pieces, most_bytes=MOST_UNPACKED_BYTES) if is_packed else pieces


def _line(path: Path, is_packed: bool, byte: int) -> int:
    """The line (1-based) that a byte stands in."""
    lines, before = 1, 0
    for piece in _pieces(path, is_packed):
        lines += piece[: max(0, byte - before)].count(b"\n")
        before += len(piece)
        if before > byte:
            break
    return lines
