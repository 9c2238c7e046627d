"""Whether the rows of each file are all there, once: rows read are rows landed, and none is there twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingestion.source import LakeFile


class CountMismatch(Exception):
    """Files of which other rows are there than were read: `_source_file` to what is wrong."""

    def __init__(self, table: str, wrong: Mapping[str, str]) -> None:
        super().__init__(f"{len(wrong)} files of {table}")
        self.table, self.wrong = table, wrong


def count_files(relation: str) -> str:
    """SQL that gives per file the number, sum and sum of squares of its row numbers.

    Rows 1 to n have known ones. Comparing these is cheaper than sorting rows, and no slip gets all three right.
    """
    row = "cast(_source_row as bigint)"
    return f"select _source_file, count(*), sum({row}), sum({row} * {row}) from {relation} group by _source_file"


def wrong_files(counted: Iterable[Sequence[Any]], files: Iterable[LakeFile]) -> dict[str, str]:
    """What is wrong with each file, by `_source_file`; empty when every file has rows 1 to n."""
    found = {key: tuple(int(number) for number in numbers) for key, *numbers in counted}
    wrong: dict[str, str] = {}
    for file in files:
        n = file.rows
        counts = found.pop(file.source_file, None)
        if counts != ((n, n * (n + 1) // 2, n * (n + 1) * (2 * n + 1) // 6) if n else None):
            landed = counts[0] if counts else 0
            slip = ", some twice and some not at all" if landed == n else ""
            wrong[file.source_file] = f"{n} rows were read and {landed} landed{slip}"
    for key in found:
        wrong[key] = "rows landed from a file that was not announced"
    return wrong
