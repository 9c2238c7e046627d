"""From the lake to raw: a posting lands once per content; what is not posted yet is neither landed nor a problem."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from ingestion.clients.content import sql_name, sql_text
from ingestion.settings import read as read_settings
from ingestion.source import Batch, LakeFile, Problem, Run, StoredFile, Unchanged
from ingestion.sources.energy_transfer import SOURCE
from ingestion.sources.energy_transfer.fetch import SEARCH_TYPE, Answered, Desk, downloaded_at
from ingestion.sources.energy_transfer.plan import Wanted, landed, wanted
from ingestion.sources.energy_transfer.posting import OURS, Posting
from ingestion.sources.energy_transfer.settings import CapacitySettings
from ingestion.sources.energy_transfer.timetable import CYCLES, gas_day_bounds

log = logging.getLogger(__name__)

CAPACITY = SOURCE.table("operational_capacity")
MOST_FILES = 200
SHOWN = 12


@dataclass(frozen=True)
class Item:
    """One new posting in the lake."""

    wanted: Wanted
    posting: Posting
    stored: StoredFile
    at: str
    """When it was downloaded (ISO 8601, UTC)."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.posting.columns, *OURS)

    @property
    def lake(self) -> LakeFile:
        stored, uri = self.stored, self.posting.answer.uri
        begins, ends = gas_day_bounds(self.wanted.gas_day)
        return LakeFile(
            uri, stored.key, stored.sha256, stored.bytes, self.posting.rows, self.columns, delivered_at=self.at,
            first_at=_iso(begins), last_at=_iso(ends - timedelta(seconds=1)),
        )  # fmt: skip


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new among the postings that are due; one that fails stops no other. Raises SourceError `CONFIG_PARAM`."""
    settings = read_settings(CapacitySettings)
    known = landed(run)
    asked = wanted(run, settings.assets(), known)
    log.info("asking for %d postings that are due", len(asked))
    folder = run.scratch / SOURCE.name
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Desk(settings, folder).ask(asked)) as answers:
        yield from _landable(run, folder, asked, known, answers)


def _landable(
    run: Run, folder: Path, asked: Sequence[Wanted], known: Mapping[str, str], answers: Iterator[Answered]
) -> Iterator[Batch | Problem | Unchanged]:
    waiting: list[Item] = []
    absent: list[Wanted] = []
    left: list[Wanted] = []
    batches = 0
    for number, (one, found) in enumerate(answers, 1):
        run.progress(number, len(asked), "postings")
        if isinstance(found, Problem):
            yield found
        elif found is None:
            left.append(one)
        elif not found.rows:
            absent.append(one)
        elif found.answer.sha256 == known.get(one.label):
            yield Unchanged(CAPACITY.name, found.answer.uri)
        else:
            waiting.append(_item(run, one, found))
        if len(waiting) == MOST_FILES:
            batches += 1
            yield _batch(waiting, folder / f"postings-{batches}.parquet")
            waiting = []
    if waiting:
        yield _batch(waiting, folder / "postings-0.parquet")
    if absent:
        log.info("not posted yet: %d (%s)", len(absent), _listed(absent))
    for name in _never_posted(asked, absent, known):
        log.warning("%s: none of its postings that are due has a row; check its name in ENERGY_TRANSFER_ASSETS", name)
    if withdrawn := [one for one in absent if one.label in known]:
        log.warning("landed before and empty now: %d (%s); raw keeps them", len(withdrawn), _listed(withdrawn))
    if left:
        message = f"the host went silent; {len(left)} postings were not asked for: {_listed(left)}. Run again later"
        yield Problem("SOURCE_GIVEN_UP", message, CAPACITY.name, left[0].asset.url)


def _never_posted(asked: Sequence[Wanted], absent: Sequence[Wanted], known: Mapping[str, str]) -> list[str]:
    """Assets of which a whole gas day and more is due, and which never said anything: names that the site ignores."""
    due, empty = (Counter(one.asset.name for one in postings) for postings in (asked, absent))
    heard = {label.partition("_")[0] for label in known}
    return [name for name, count in empty.items() if count == due[name] > len(CYCLES) and name not in heard]


def _item(run: Run, one: Wanted, found: Posting) -> Item:
    answer = found.answer
    at = downloaded_at(answer, run.logical_at)
    name = answer.file_name or "posting.csv"
    stored = run.store(CAPACITY.name, name, answer.path, answer.sha256, label=one.label, day=one.gas_day)
    return Item(one, found, stored, _iso(at))


def _batch(items: Sequence[Item], path: Path) -> Batch:
    """The rows of all items: each value the text that was sent; a column that one file lacks is null in its rows."""
    columns = tuple(dict.fromkeys(name for item in items for name in item.columns))
    values: dict[str, list[str | None]] = {name: [] for name in (*columns, "_source_file")}
    places: list[int] = []
    for item in items:
        count = item.posting.rows
        told = {
            "asset": item.wanted.asset.name,
            "gas_day": item.wanted.gas_day.isoformat(),
            "cycle": item.wanted.cycle.id,
            "search_type": SEARCH_TYPE,
            "file_name": item.posting.answer.file_name,
            "downloaded_at": item.at,
            "_source_file": item.stored.source_file,
        }
        sent = dict(zip(item.posting.columns, zip(*item.posting.values, strict=True), strict=True))
        for name, column in values.items():
            column.extend([told[name]] * count if name in told else sent.get(name, [None] * count))
        places.extend(range(1, count + 1))
    table = {**{name: pa.array(column, pa.string()) for name, column in values.items()}, "_source_row": places}
    pa.parquet.write_table(pa.table(table), path)
    listed = ", ".join(sql_name(name) for name in (*columns, "_source_file", "_source_row"))
    everything = f"select {listed} from read_parquet({sql_text(str(path))})"

    def narrow(files: Sequence[LakeFile]) -> str:
        return f'{everything} where "_source_file" in ({", ".join(sql_text(file.source_file) for file in files)})'

    return Batch(CAPACITY.name, columns, everything, tuple(item.lake for item in items), narrow, ordered=False)


def _listed(postings: Sequence[Wanted]) -> str:
    more = f" and {len(postings) - SHOWN} more" if len(postings) > SHOWN else ""
    return "; ".join(map(str, postings[:SHOWN])) + more


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
