"""From the portal to the lake: what the data set says of itself, and complete readings of its rows, page by page."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from ingestion.clients.content import BadContent, bad_json, check_depth, check_text, sql_text
from ingestion.clients.http import Answer
from ingestion.source import Run, SourceError, StoredFile
from ingestion.sources.winnipeg_billing.client import SodaClient, fields

log = logging.getLogger(__name__)


class Inconsistent(SourceError):
    """What arrived cannot be one state of the data set: it moved while being read, or the server is at fault."""


@dataclass(frozen=True)
class Census:
    """What the data set says of itself at one moment; two that differ mean that it moved in between."""

    version: str | None
    """`rowsUpdatedAt`, epoch seconds."""
    fields: tuple[str, ...]
    rows: int | None = None
    """None when the portal cannot count."""
    latest: str | None = None
    """The highest `:updated_at`."""


@dataclass(frozen=True)
class Page:
    """One page in the lake, and the row identifiers in it, in its order."""

    stored: StoredFile
    uri: str
    ids: Sequence[str]
    fields: tuple[str, ...]


class Portal:
    """One data set as one run reads it."""

    def __init__(self, client: SodaClient, run: Run) -> None:
        self.client, self.run, self.dataset = client, run, client.settings.socrata_dataset_id
        self.duckdb = duckdb.connect()
        self.licence: str | None = None

    def metadata(self) -> Census:
        """The cheap look: one small request. The answer goes to the lake as it came."""
        answer: Answer = self.client.get_metadata(self.dataset)
        content = answer.path.read_bytes()
        try:
            check_text(content)
            check_depth(content, 10_000)
            view = json.loads(content)
            names = tuple(str(column["fieldName"]) for column in view["columns"])
        except (BadContent, ValueError, KeyError, TypeError, RecursionError) as error:
            raise SourceError(
                "PROTOCOL_METADATA", f"metadata not understood ({type(error).__name__})", answer.uri
            ) from None
        self.run.store("utility_billing", "metadata.json", content, answer.sha256)
        answer.path.unlink()
        self.licence = _licence(view)
        updated = view.get("rowsUpdatedAt")
        return Census(None if updated is None else str(updated), names)

    def census(self) -> Census:
        """Metadata, number of rows, highest `:updated_at`. A portal that cannot count is warned about, not refused."""
        seen = self.metadata()
        try:
            rows, latest = self.count()
        except SourceError as error:
            if error.code.startswith(("DENIED", "CONFIG")):
                raise
            log.warning("the portal does not count its rows (%s); reading to the first empty page", error)
            return seen
        return replace(seen, rows=rows, latest=latest)

    def count(self, where: str | None = None) -> tuple[int, str | None]:
        """`count(*)` and `max(:updated_at)`, both of which Socrata sends as strings."""
        answer: Answer = self.client.get(
            self.dataset, select="count(*) as count, max(:updated_at) as latest", where=where
        )
        try:
            (row,) = json.loads(answer.path.read_bytes())
            return int(row["count"]), row.get("latest")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise SourceError("PROTOCOL_COUNT", "count(*) has no whole number in its one row", answer.uri) from None
        finally:
            answer.path.unlink()

    def pages(self, select: str, where: str | None, expected: int | None, known: set[str]) -> list[Page]:
        """All rows that `where` leaves, ordered by `:id`; each page is stored as it arrives.

        The end is the expected count or an empty page, never a short one: servers cap `$limit`, and short pages happen.
        Adds the row identifiers to `known`. Raises Inconsistent for an identifier seen twice or a wrong total.
        """
        pages: list[Page] = []
        taken = 0
        while True:
            answer: Answer = self.client.get(
                self.dataset,
                select=select,
                where=where,
                order=":id",
                limit=self.client.settings.socrata_page_size,
                offset=taken,
            )
            ids = self._ids(answer)
            before = len(known)
            known.update(ids)
            if len(known) != before + len(ids):
                raise Inconsistent(
                    "DATA_DUPLICATE_ID", f"a row came twice, near row {taken} of one reading", answer.uri
                )
            taken += len(ids)
            if ids or not pages:
                stored = self.run.store("utility_billing", "page.json", answer.path, answer.sha256)
                pages.append(Page(stored, answer.uri, ids, fields(answer)))
            self.run.progress(taken, expected, "bills" if "*" in select else "row identifiers")
            if not ids or (expected is not None and taken >= expected):
                break
        if expected is not None and taken != expected:
            raise Inconsistent("DATA_COUNT_MISMATCH", f"expected={expected} got={taken} rows", pages[0].uri)
        return pages

    def _ids(self, answer: Answer) -> list[str]:
        """The `:id` of every row. One parse, which also shows that the page is whole and well-formed."""
        content = answer.path.read_bytes()
        try:
            check_text(content)
            found: tuple[Any, ...] | None = self.duckdb.execute(
                "select json_array_length(content), content ->> '$[*].\":id\"' "
                f"from read_text({sql_text(str(answer.path))})"
            ).fetchone()
            assert found is not None
            check_depth(content, found[0])
        except duckdb.Error as error:
            bad = bad_json(error)
            code = "PROTOCOL_JSON" if bad.code == "DATA_JSON_SYNTAX" else bad.code
            raise SourceError(code, bad.message, answer.uri) from None
        except BadContent as error:
            raise SourceError(error.code, error.message, answer.uri) from None
        rows, ids = int(found[0]), list(found[1])
        if len(ids) != rows or None in ids:
            raise SourceError("DATA_MISSING_COLUMN", f":id is missing in some of {rows} rows", answer.uri)
        return ids


def _licence(view: dict[str, Any]) -> str:
    licence = view.get("license")
    name = licence.get("name") if isinstance(licence, dict) else None
    terms = licence.get("termsLink") if isinstance(licence, dict) else None
    return " ".join(str(part) for part in (name or view.get("licenseId") or "not stated", terms) if part)
