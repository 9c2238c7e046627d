"""Node lists: each delivery is the full list, so one is landed when it says something else than the one before it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.clients import places
from ingestion.clients.content import BadContent
from ingestion.source import Batch, LakeFile, Problem, Run, Unchanged
from ingestion.sources.abbanoa import SOURCE, dialects, text
from ingestion.sources.abbanoa.settings import AbbanoaSettings

log = logging.getLogger(__name__)

NODES = SOURCE.table("sensor_nodes")
SUFFIXES = (".csv", ".csv.gz")
MOST_BYTES = 64 << 20
SHRINK_RATIO = 0.5
_DAY = re.compile(r"(?:^|[^0-9])([0-9]{8})(?:[^0-9][^/]*)?$")


@dataclass(frozen=True, order=True)
class Delivery:
    """One list, in the order in which they follow each other: by the day in its name, else by when it was put there."""

    day: str
    delivered_at: str
    uri: str
    sha256: str
    rows: int


def read_nodes(run: Run, settings: AbbanoaSettings, where: str) -> Iterator[Batch | Problem | Unchanged]:
    """The lists that are news; one that was changed by mistake into much less is refused (`accept_shrink`)."""
    place = places.place(where, "ABBANOA_NODES", SUFFIXES)
    try:
        uris = place.uris()
    except BadContent as error:
        yield Problem(error.code, error.message, NODES.name, where)
        return
    if not uris:
        log.warning("no %s in %s", ", ".join(f"*{suffix}" for suffix in SUFFIXES), where)
    known = places.Known(run, SOURCE.name, [NODES.name])
    landed = _landed(run)
    folder = run.scratch / "nodes"
    folder.mkdir(parents=True, exist_ok=True)
    found: list[tuple[Delivery, Path, places.Copied]] = []
    for number, (uri, listed) in enumerate(uris.items(), 1):
        if known.has_version(uri, listed):
            yield Unchanged(NODES.name, uri)
            continue
        copy = folder / f"{number}.csv"
        try:
            copied = place.copy(uri, copy, MOST_BYTES)
        except BadContent as error:
            yield Problem(error.code, error.message, NODES.name, uri)
            continue
        found.append((_delivery(uri, copied.delivered_at, copied.sha256, 0), copy, copied))
    for delivery, copy, copied in sorted(found, key=lambda one: one[0]):
        before = max((one for one in landed if one < delivery), default=None)
        of_this_address = [one for one in landed if one.uri == delivery.uri]
        latest = of_this_address[-1] if of_this_address else before
        if latest and latest.sha256 == delivery.sha256:
            yield Unchanged(NODES.name, delivery.uri)
            continue
        try:
            batch = _batch(run, settings, delivery, copy, copied, before)
        except BadContent as error:
            yield Problem(error.code, error.message, NODES.name, delivery.uri, error.row, error.column)
            continue
        landed.append(_delivery(delivery.uri, copied.delivered_at, copied.sha256, batch.files[0].rows))
        yield batch


def _batch(
    run: Run, settings: AbbanoaSettings, delivery: Delivery, copy: Path, copied: places.Copied, before: Delivery | None
) -> Batch:
    name = places.name_of(delivery.uri)
    found = text.utf8(copy, name, copy.with_suffix(".txt"), settings.abbanoa_encoding)
    dialect = dialects.recognise(found, NODES, is_logger_possible=False)
    with duckdb.connect() as engine:
        if found.has_nul:
            raise dialects.find_nul(engine, dialect, found.path)
        rows = dialects.measure(engine, dialect, found.path).lines
    if run.params.get("accept_shrink", "").lower() not in ("1", "true", "yes"):
        advice = "A list replaces the one before it; if that is right, run again with --param accept_shrink=true"
        if not rows:
            raise BadContent("DATA_EMPTY", f"the list has no nodes. {advice}")
        if before and rows < SHRINK_RATIO * before.rows:
            raise BadContent("DATA_SHRUNK", f"the list has {rows} nodes, {before.rows} before. {advice}")
    # Its name is part of the delivery: a list that goes back to what an older one said is another delivery.
    label = name.rsplit("/", 1)[-1].split(".", 1)[0]
    stored = run.store(NODES.name, name, copy, copied.sha256, label=label)
    path = stored.path if found.path == copy else found.path
    lake = LakeFile(
        delivery.uri, stored.key, stored.sha256, stored.bytes, rows, dialect.columns, "file", copied.version,
        copied.delivered_at,
    )  # fmt: skip
    return Batch(NODES.name, dialect.columns, dialect.rows(path, stored.source_file, None), (lake,))


def _landed(run: Run) -> list[Delivery]:
    found = run.query(
        "select uri, delivered_at, sha256, rows from raw.landed_files "
        f"where source = '{SOURCE.name}' and table_name = '{NODES.name}' order by _dlt_load_id"
    )
    return [
        _delivery(str(uri), at if at is None else str(at), str(sha), int(str(rows))) for uri, at, sha, rows in found
    ]


def _delivery(uri: str, delivered_at: str | None, sha256: str, rows: int) -> Delivery:
    at = delivered_at or ""
    day = _DAY.search(uri)
    return Delivery(day[1] if day else at[:10].replace("-", ""), at, uri, sha256, rows)
