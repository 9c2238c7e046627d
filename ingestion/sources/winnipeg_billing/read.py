"""From the lake to raw: decides between nothing, an incremental and a full reading, and lands no torn set.

What was read before is asked of the warehouse, the only memory: `landed_files.version` is the `rowsUpdatedAt` of the
last completed reading, the highest `_updated_at` is where an incremental one takes up, and the identifiers in raw, less
those deleted since, are the rows that the portal must still list.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingestion.clients.content import BadContent, raw_names, sql_name, sql_text
from ingestion.settings import read as read_settings
from ingestion.source import Batch, LakeFile, Problem, ReadKind, Run, SourceError, StoredFile, Unchanged
from ingestion.sources.winnipeg_billing import SOURCE
from ingestion.sources.winnipeg_billing.client import SodaClient
from ingestion.sources.winnipeg_billing.fetch import Census, Inconsistent, Page, Portal
from ingestion.sources.winnipeg_billing.settings import BillingSettings

log = logging.getLogger(__name__)

BILLS = SOURCE.table("utility_billing")
RESTARTS = 2
SHRINK_RATIO = 0.9
SYSTEM = (":id", ":created_at", ":updated_at")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,15}Z?")


@dataclass(frozen=True)
class Reading:
    """One consistent reading: its pages, the identifiers the set has now, and the pages that list those."""

    kind: ReadKind
    version: str | None
    names: dict[str, str]
    """Raw column of each field."""
    pages: list[Page]
    ids: set[str]
    listing: list[Page]


def read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    """What is new in the data set. Raises SourceError when it cannot be read whole and in one state."""
    settings = read_settings(BillingSettings)
    folder = run.scratch / SOURCE.name
    folder.mkdir(parents=True, exist_ok=True)
    with SodaClient(settings, folder) as client:
        portal = Portal(client, run)
        seen = portal.metadata()
        log.info("licence of %s: %s", portal.dataset, portal.licence)
        version, columns = _last_state(run, portal.dataset)
        is_same_shape = columns == _plain(_names(seen.fields).values())
        is_forced = _flag(run, "full")
        if version is not None and version == seen.version and is_same_shape and not is_forced:
            yield Unchanged(BILLS.name, f"{settings.scheme}{settings.host}/resource/{portal.dataset}.json")
            return
        live = _live_ids(run)
        # A new column is filled in for old rows too, and their `:updated_at` does not tell: only a full reading has it.
        watermark = _watermark(run) if is_same_shape and not is_forced else None
        reading = _consistent(portal, run, live, watermark)
    yield batch_of(reading)
    yield from _deletions(run, reading, live)


def _consistent(portal: Portal, run: Run, live: set[str], watermark: str | None) -> Reading:
    """A reading during which the data set did not move; begun anew at most twice. A torn one is never landed."""
    for attempt in range(1, RESTARTS + 2):
        before = portal.census()
        _check_size(run, before.rows, len(live))
        try:
            reading = _incremental(portal, before, live, watermark) if watermark else _full(portal, before)
        except Inconsistent:
            if portal.census() == before:
                raise
        else:
            if portal.census() == before:
                _check_size(run, len(reading.ids), len(live))
                return reading
        log.warning("the data set moved during reading %d of at most %d", attempt, RESTARTS + 1)
    raise SourceError(
        "DATA_SOURCE_MOVED", f"the data set moved during each of {RESTARTS + 1} readings; try again later"
    )


def _full(portal: Portal, before: Census) -> Reading:
    ids: set[str] = set()
    pages = portal.pages(":*,*", None, before.rows, ids)
    return Reading("full", before.version, _names_of(before, pages), pages, ids, listing=pages)


def _incremental(portal: Portal, before: Census, live: set[str], watermark: str) -> Reading:
    """Rows published since the last reading, and a complete listing of identifiers, which alone shows deletions.

    `>=`: all rows of one batch bear one `:updated_at`, and the last reading may have met half of it. What comes twice
    is landed twice and superseded in staging.
    """
    where = f":updated_at >= '{watermark}'"
    changed: set[str] = set()
    ids: set[str] = set()
    expected = portal.count(where)[0] if before.rows is not None else None
    pages = portal.pages(":*,*", where, expected, changed)
    listing = portal.pages(":id", None, before.rows, ids)
    if changed - ids:
        raise Inconsistent("DATA_COUNT_MISMATCH", f"{len(changed - ids)} rows are absent from the listing of :id")
    if unknown := len(ids - live - changed):
        log.warning("%d rows are new to us and older than %s: reading the whole set", unknown, watermark)
        return _full(portal, before)
    return Reading("incremental", before.version, _names_of(before, pages), pages, ids, listing)


def _names(fields: Sequence[str]) -> dict[str, str]:
    """Raw columns of the metadata's fields. SourceError when the key is not among them."""
    try:
        names = raw_names([*SYSTEM, *fields])
    except BadContent as error:
        raise SourceError(error.code, error.message) from None
    missing = [column for column in BILLS.key if column not in names.values()]
    if missing:
        new = [column for column in names.values() if column not in BILLS.columns]
        told = f"key column {', '.join(missing)} is missing; new columns: {', '.join(new) or 'none'}"
        raise SourceError("DATA_MISSING_COLUMN", f"{told}. If it was renamed, rename it in the declaration")
    return names


def _names_of(before: Census, pages: Sequence[Page]) -> dict[str, str]:
    """As `_names`, with the system fields (`:@computed_region_...`) that answers have and the metadata lacks."""
    more = [name for name in dict.fromkeys(f for page in pages for f in page.fields) if name not in before.fields]
    if unknown := [name for name in more if not name.startswith(":")]:
        raise Inconsistent(
            "DATA_SOURCE_MOVED", f"rows have columns that the metadata lacks: {', '.join(unknown)[:200]}"
        )
    return _names([*before.fields, *(name for name in more if name not in SYSTEM)])


def _plain(columns: Iterable[str]) -> list[str]:
    return [column for column in columns if not column.startswith("_")]


def _last_state(run: Run, dataset: str) -> tuple[str | None, list[str]]:
    """`rowsUpdatedAt` and columns of the last completed reading of this data set; (None, []) before the first."""
    # Not by host: the sample world has another port at every start.
    found = run.query(
        'select version, "columns" from raw.landed_files '
        f"where source = '{SOURCE.name}' and table_name = '{BILLS.name}' and version is not null "
        f"and position('/resource/{dataset}.json' in uri) > 0 order by _dlt_load_id desc limit 1"
    )
    return (str(found[0][0]), _plain(json.loads(str(found[0][1])))) if found else (None, [])


def _watermark(run: Run) -> str | None:
    found = run.query(f"select max(_updated_at) from raw.{BILLS.name}")
    latest = str(found[0][0]) if found else ""
    return latest if STAMP.fullmatch(latest) else None


def _live_ids(run: Run) -> set[str]:
    """Identifiers that were landed and not found deleted since."""
    rows = f"select _id, max(_dlt_load_id) as loaded from raw.{BILLS.name} group by _id"
    gone = "select _id, max(_dlt_load_id) as loaded from raw.utility_billing_deletions group by _id"
    return {
        str(row[0])
        for row in run.query(
            f"select landed._id from ({rows}) as landed left join ({gone}) as gone on gone._id = landed._id "
            "where gone.loaded is null or gone.loaded < landed.loaded"
        )
    }


def _flag(run: Run, name: str) -> bool:
    return run.params.get(name, "").lower() in ("1", "true", "yes")


def _check_size(run: Run, rows: int | None, previous: int) -> None:
    """Refuses a set that is empty or lost a tenth of its rows: a publisher's accident must not empty the marts."""
    if rows is None or _flag(run, "accept_shrink"):
        return
    advice = "if that is right, run again with --param accept_shrink=true"
    if rows == 0:
        raise SourceError("DATA_EMPTY", f"the data set has no rows ({previous} before); {advice}")
    if rows < SHRINK_RATIO * previous:
        raise SourceError("DATA_SHRUNK", f"the data set has {rows} rows, {previous} before; {advice}")


def batch_of(reading: Reading) -> Batch:
    """The rows of all its pages."""
    columns = tuple(reading.names.values())
    files = tuple(
        LakeFile(
            page.uri, page.stored.key, page.stored.sha256, page.stored.bytes, len(page.ids), columns, reading.kind,
            reading.version,
        )
        for page in reading.pages
    )  # fmt: skip
    # One batch, and no `narrow`: a set with a page missing would be torn, and never read again.
    return Batch(
        BILLS.name, columns, " union all ".join(_select(page.stored, reading.names) for page in reading.pages), files
    )


def _select(stored: StoredFile, names: dict[str, str]) -> str:
    """The rows of one page. What JSON leaves out is null; a window without order keeps the order of the file."""
    items = ", ".join(f"{sql_name(field)} as {sql_name(column)}" for field, column in names.items())
    types = ", ".join(f"{sql_text(field)}: 'VARCHAR'" for field in names)
    return (
        f'select {items}, {sql_text(stored.source_file)} as "_source_file", row_number() over () as "_source_row" '
        f"from read_json({sql_text(str(stored.path))}, columns = {{{types}}}, format = 'array')"
    )


def _deletions(run: Run, reading: Reading, live: set[str]) -> Iterator[Batch]:
    """Rows that were landed and are listed no more, as a finding of our own in the lake that names its evidence."""
    gone = sorted(live - reading.ids)
    if not gone:
        return
    finding = {"listing": [page.stored.key for page in reading.listing], "listed": len(reading.ids), "deleted": gone}
    content = json.dumps(finding, indent=0).encode()
    stored = run.store("utility_billing_deletions", "deletions.json", content)
    file = LakeFile(
        reading.listing[0].uri,
        stored.key,
        stored.sha256,
        stored.bytes,
        len(gone),
        ("_id",),
        "id listing",
        reading.version,
    )
    query = (
        f'select id as "_id", {sql_text(stored.source_file)} as "_source_file", place as "_source_row" from '
        "(select unnest(deleted) as id, generate_subscripts(deleted, 1) as place from read_json("
        f"{sql_text(str(stored.path))}, columns = {{deleted: 'VARCHAR[]'}}, format = 'unstructured', "
        f"maximum_object_size = {stored.bytes + 1}))"
    )
    yield Batch("utility_billing_deletions", ("_id",), query, (file,))
