"""What every source asks of delivered bytes before an engine reads them: bounded unpacking, strict text, sane names.

DuckDB takes the process down on JSON nested a hundred thousand deep, PostgreSQL cannot hold a NUL, and a gzip of 300 KB
may unpack to 300 MB. These are refused here, by name, so that one bad file never stops the rest.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

MOST_BYTES = 2 << 30
MOST_RATIO = 200
MOST_DEPTH = 100
LONGEST_NAME = 50
"""PostgreSQL cuts names at 63 bytes and DuckDB does not: longer ones would differ between engines."""

_FEW_BYTES = 10 << 20  # below this, any ratio is harmless
_PIECE = 1 << 20
_NOT_BRACKETS = bytes(code for code in range(256) if chr(code) not in "[]{}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_RESERVED = re.compile(r"_dlt_.*|_source_(file|row)")


class BadContent(Exception):
    """Delivered bytes that cannot be landed; carries code and place for a `Problem` or a `SourceError`."""

    def __init__(self, code: str, message: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.row, self.column = code, message, row, column


def inflate(packed: Iterable[bytes], most_bytes: int = MOST_BYTES, most_ratio: int = MOST_RATIO) -> Iterator[bytes]:
    """Unpacks a gzip stream (of one or more members) piece by piece, never holding more than a piece.

    Raises BadContent `DATA_BOMB` past the caps, `DATA_GZIP` on damage, `DATA_GZIP_CUT` when the stream ends early: its
    trailer tells, where `requests` and urllib3 stay silent.
    """
    taken = given = 0
    member = zlib.decompressobj(wbits=31)
    begun = False
    for chunk in packed:
        taken += len(chunk)
        while chunk:
            if member.eof:
                member, begun = zlib.decompressobj(wbits=31), False
            try:
                piece = member.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise BadContent("DATA_GZIP", f"damaged gzip stream near byte {taken}: {error}") from None
            begun = True
            given += len(piece)
            if given > most_bytes or (given > _FEW_BYTES and given > most_ratio * taken):
                raise BadContent("DATA_BOMB", f"{taken} packed bytes unpack to more than {given}; refused")
            yield piece
            chunk = member.unconsumed_tail or member.unused_data
    if not (begun and member.eof):
        raise BadContent("DATA_GZIP_CUT", f"gzip stream ends early after {taken} bytes; have it delivered again")


def check_text(content: bytes) -> None:
    """Strict UTF-8 without NUL, or BadContent `DATA_ENCODING` with the byte offset, `DATA_NUL_BYTE` with the place."""
    if not content.isascii():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadContent(
                "DATA_ENCODING", f"not UTF-8 at byte {error.start}; JSON is UTF-8, have it exported so"
            ) from None
    if b"\0" in content:
        raise BadContent("DATA_NUL_BYTE", f"NUL byte at byte {content.index(0)}; no text column can hold it")
    # One search for a rare byte is cheaper than one for a rare word.
    if b"\\" in content and b"\\u0000" in content and (found := _ESCAPED_NUL.search(content)):
        row, column = nul_place(content)
        where = f"row {row}, column {column}" if row else f"byte {found.start()}"
        raise BadContent("DATA_NUL_BYTE", f"\\u0000 in {where}; no text column can hold it", row, column)


def check_depth(content: bytes, usual_openers: int) -> None:
    """BadContent `DATA_JSON_DEPTH` for JSON nested deeper than MOST_DEPTH.

    `usual_openers` is the number of `[` and `{` that well-formed rows would need: hardly more than that cannot be deep.
    """
    if content.count(b"[") + content.count(b"{") <= usual_openers + MOST_DEPTH:
        return
    brackets = content.translate(None, _NOT_BRACKETS)
    if not _flat(brackets) and not _flat(_STRING.sub(b"", content).translate(None, _NOT_BRACKETS)):
        raise BadContent("DATA_JSON_DEPTH", f"JSON nested deeper than {MOST_DEPTH}; refused")


def _flat(brackets: bytes) -> bool:
    """Whether taking away the innermost pairs MOST_DEPTH times leaves nothing."""
    for _ in range(MOST_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def nul_place(content: bytes) -> tuple[int | None, str | None]:
    """Row (1-based) and column of the first NUL in rows of JSON; (None, None) when it stands elsewhere."""
    try:
        check_depth(content, 0)
        found = json.loads(content.decode("utf-8-sig"))
    except (BadContent, ValueError, RecursionError):
        return None, None
    rows = found
    names: Sequence[object] = ()
    if isinstance(found, dict):
        rows, names = found.get("data") or found.get("results") or [], found.get("columns") or ()
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        items = row.items() if isinstance(row, dict) else enumerate(row) if isinstance(row, list) else ()
        for name, value in items:
            if "\0" in json.dumps(value, ensure_ascii=False).replace("\\u0000", "\0"):
                known = names[name] if isinstance(name, int) and name < len(names) else name
                return number, str(known)
    return None, None


def raw_names(names: Sequence[str]) -> dict[str, str]:
    """The raw column of each delivered name, in order: lower case, words joined by one underscore, `:id` as `_id`.

    Case and spacing may therefore differ. BadContent `DATA_DUPLICATE_COLUMN`: two names become one column;
    `DATA_COLUMN_NAME`: a name is empty, too long, or one that landing keeps for itself.
    """
    given: dict[str, str] = {}
    for name in names:
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.strip())
        raw = re.sub(r"_+", "_", re.sub(r"[^0-9a-zA-Z]", "_", words)).rstrip("_").lower()
        raw = f"_{raw}" if raw[:1].isdigit() else raw
        if not raw or len(raw) > LONGEST_NAME or _RESERVED.fullmatch(raw):
            raise BadContent("DATA_COLUMN_NAME", f"column name {name[:80]!r} cannot stand in raw", column=name[:80])
        if raw in given.values():
            other = next(known for known, column in given.items() if column == raw)
            raise BadContent("DATA_DUPLICATE_COLUMN", f"columns {other!r} and {name!r} are one column", column=name)
        given[name] = raw
    return given


def bad_json(error: Exception) -> BadContent:
    """What DuckDB said about JSON it could not read, without the excerpt: that may be personal data."""
    said = str(error)
    place = re.search(r"at byte (\d+)", said)
    where = f" at byte {place[1]}" if place else ""
    if "surrogate" in said:
        return BadContent("DATA_ENCODING", f"half a surrogate pair{where}: no character")
    if "duplicate key" in said:
        return BadContent("DATA_DUPLICATE_KEY", "an object has one key twice")
    return BadContent("DATA_JSON_SYNTAX", f"not JSON, or cut short{where}; have the file delivered again")


def sql_text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """A quoted SQL identifier."""
    return '"' + value.replace('"', '""') + '"'
