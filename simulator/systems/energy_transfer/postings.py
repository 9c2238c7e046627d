"""Postings as the server answers them: quoted CSV with CRLF, kept in a folder with an index.

`index.json` lists every posting (`Posting`), a re-post as a further version of its asset, gas day and cycle.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from simulator.systems.energy_transfer.network import Asset


@dataclass(frozen=True)
class Posting:
    """One posting of a cycle. `path` is that of its bytes in the folder."""

    asset: str
    gas_day: date
    cycle: int
    version: int
    posted_at: datetime
    """UTC."""
    file_name: str
    path: str


def file_name(asset: Asset, gas_day: date, cycle: str) -> str:
    return f"OAC_{asset.code}_{asset.duns}_{gas_day:%m-%d-%Y}_{cycle}.csv"


def csv_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Every field in quotes, the header too."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue().encode()


def write_index(folder: Path, history_from: date, postings: Sequence[Posting]) -> None:
    """A line per posting."""
    lines = ",\n".join(json.dumps(asdict(posting), default=str) for posting in postings)
    (folder / "index.json").write_text(f'{{"history_from": "{history_from}", "postings": [\n{lines}\n]}}\n')


def read_index(folder: Path) -> tuple[date, list[Posting]]:
    """The first gas day, and the postings in the order of their instant."""
    said = json.loads((folder / "index.json").read_text())
    postings = [
        Posting(
            **{
                **line,
                "gas_day": date.fromisoformat(line["gas_day"]),
                "posted_at": datetime.fromisoformat(line["posted_at"]),
            }
        )
        for line in said["postings"]
    ]
    return date.fromisoformat(said["history_from"]), sorted(postings, key=lambda posting: posting.posted_at)
