"""The rows of a Socrata data set on disk, and snapshots of them that can be paged quickly.

A file of rows is itself a valid answer body, framed as Socrata frames it: `[row\\n,row\\n,...row]\\n`. A page of
neighbours is therefore one slice of the file, and serving half a million rows costs no parsing. Memory is about
100 bytes a row.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

ID_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
# {":id":"row-xxxx_xxxx~xxxx",":created_at":"2021-01-01T00:00:00.000Z",":updated_at":"2021-01-01T00:00:00.000Z",...
ID_AT, ID_WIDTH = 8, 18
CREATED_AT, UPDATED_AT, STAMP_WIDTH = 43, 84, 24
SYSTEM_WIDTH = 110
"""Bytes before the first column of the data set, the comma included."""


def row_id(number: int) -> str:
    """The row identifier of a position: fixed width, and its text order is the order of the numbers."""
    letters = []
    for _ in range(12):
        number, digit = divmod(number, 32)
        letters.append(ID_ALPHABET[digit])
    text = "".join(reversed(letters))
    return f"row-{text[:4]}_{text[4:8]}~{text[8:]}"


class RowFileWriter:
    """Writes rows one by one in Socrata's framing; `close` makes the file a complete JSON list."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._file.write(b"[")
        self.rows = 0

    def write(self, text: str) -> None:
        self._file.write((f"\n,{text}" if self.rows else text).encode())
        self.rows += 1

    def close(self) -> None:
        self._file.write(b"]\n")
        self._file.close()


class Store:
    """Where row bytes lie: a file that never changes, or memory for rows that a test makes up."""

    def __init__(self, path: Path | None = None) -> None:
        self._fd = None if path is None else os.open(path, os.O_RDONLY)
        self._memory = bytearray()

    def read(self, offset: int, length: int) -> bytes:
        if self._fd is None:
            return bytes(self._memory[offset : offset + length])
        return os.pread(self._fd, length, offset)

    def append(self, row: bytes) -> int:
        """Keeps a row in memory; returns its offset."""
        offset = len(self._memory)
        self._memory += row
        return offset

    def spans(self) -> Iterator[tuple[int, int]]:
        """Offset and length of every row of a file, in file order."""
        assert self._fd is not None
        start, position, tail = 1, 0, b""
        while block := os.pread(self._fd, 1 << 20, position):
            text = tail + block
            base = position - len(tail)
            at = text.find(b"\n,")
            while at >= 0:
                yield start, base + at - start
                start = base + at + 2
                at = text.find(b"\n,", at + 2)
            position += len(block)
            tail = text[-1:]
        if position > 3:
            yield start, position - 2 - start


class Rows:
    """An immutable snapshot of a data set, in the order of `:id`."""

    def __init__(self, stores: Sequence[Store], store: array[int], offset: array[int], length: array[int]) -> None:
        self._stores, self._store, self._offset, self._length = stores, store, offset, length
        self._columns: dict[str, list[bytes] | array[int]] = {}

    @classmethod
    def from_file(cls, path: Path) -> Rows:
        """All rows of a file that was written in the order of `:id`."""
        store = Store(path)
        offset, length = array("Q"), array("I")
        for start, size in store.spans():
            offset.append(start)
            length.append(size)
        return cls([store], array("B", bytes(len(offset))), offset, length)

    def __len__(self) -> int:
        return len(self._offset)

    def row(self, position: int) -> bytes:
        return self._stores[self._store[position]].read(self._offset[position], self._length[position])

    def rows(self, positions: Sequence[int]) -> list[bytes]:
        """The bytes of the rows at those positions; runs of neighbours in one file are read in one go."""
        if isinstance(positions, range) and positions.step == 1 and len(positions) > 1:
            first, last = positions[0], positions[-1]
            kind = self._store[first]
            start = self._offset[first]
            size = self._offset[last] + self._length[last] - start
            whole = sum(self._length[first : last + 1]) + 2 * (last - first)
            if size == whole and self._store[first : last + 1].count(kind) == len(positions):
                return self._stores[kind].read(start, size).split(b"\n,")
        return [self.row(position) for position in positions]

    def body(self, positions: Sequence[int]) -> bytes:
        """The answer body of those rows."""
        return b"[" + b"\n,".join(self.rows(positions)) + b"]\n"

    def ids(self) -> list[bytes]:
        """The `:id` of every row, sorted."""
        return self._cut("id", ID_AT, ID_WIDTH)

    def updated(self) -> list[bytes]:
        """The `:updated_at` of every row, in the order of `:id`."""
        return self._cut("updated", UPDATED_AT, STAMP_WIDTH)

    def created(self) -> list[bytes]:
        return self._cut("created", CREATED_AT, STAMP_WIDTH)

    def _cut(self, name: str, start: int, width: int) -> list[bytes]:
        known = self._columns.get(name)
        if known is None:
            seen: dict[bytes, bytes] = {}
            known = []
            for position in range(len(self)):
                value = self._stores[self._store[position]].read(self._offset[position] + start, width)
                known.append(seen.setdefault(value, value) if name != "id" else value)
            self._columns[name] = known
        assert isinstance(known, list)
        return known

    def hydro_gas_ids(self) -> array[int]:
        """The publisher's row identifier of every row, in the order of `:id`."""
        known = self._columns.get("hydro_gas_id")
        if known is None:
            known = array("q")
            for position in range(len(self)):
                head = self._stores[self._store[position]].read(self._offset[position] + SYSTEM_WIDTH, 40)
                known.append(int(head.split(b'"', 4)[3]))
            self._columns["hydro_gas_id"] = known
        assert isinstance(known, array)
        return known

    def position(self, identifier: bytes) -> int | None:
        """Where the row with that `:id` stands."""
        ids = self.ids()
        at = bisect_left(ids, identifier)
        return at if at < len(ids) and ids[at] == identifier else None

    def with_file(self, path: Path, deleted: Iterable[bytes]) -> Rows:
        """A later snapshot: rows of a file replace or join these, deleted ids leave."""
        store = Store(path)
        return self._merged(store, list(store.spans()), set(deleted))

    def with_rows(self, upserts: Iterable[bytes] = (), deleted: Iterable[bytes] = ()) -> Rows:
        """A later snapshot made from rows given as bytes."""
        store = Store()
        spans = [(store.append(row), len(row)) for row in upserts]
        return self._merged(store, spans, set(deleted))

    def edited(self, edit: Callable[[bytes], bytes]) -> Rows:
        """A later snapshot in which every row went through a function."""
        return self.with_rows(edit(self.row(position)) for position in range(len(self)))

    def _merged(self, store: Store, spans: list[tuple[int, int]], deleted: set[bytes]) -> Rows:
        number = len(self._stores)
        changed = {store.read(start + ID_AT, ID_WIDTH): (number, start, size) for start, size in spans}
        entries: list[tuple[bytes, int, int, int]] = []
        for position, identifier in enumerate(self.ids()):
            if identifier in deleted:
                continue
            place = changed.pop(identifier, None) or (
                self._store[position],
                self._offset[position],
                self._length[position],
            )
            entries.append((identifier, *place))
        entries += [(identifier, *place) for identifier, place in changed.items()]
        entries.sort()
        return Rows(
            [*self._stores, store],
            array("B", (entry[1] for entry in entries)),
            array("Q", (entry[2] for entry in entries)),
            array("I", (entry[3] for entry in entries)),
        )
