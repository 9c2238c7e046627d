"""From a route's question to its answer: kind, tag, cache, page. For `Depends`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, Header, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator, StringConstraints

from serving.api.answers import JSON, KINDS, accepted, encoded
from serving.api.errors import refusals
from serving.api.listing import MAX_ROWS, Listing
from serving.api.state import House, house_of
from serving.published import Publication

# A text with a null cannot be a parameter of PostgreSQL.
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


def _of_form(form: str, words: str) -> BeforeValidator:
    """Pydantic would take a bare number, too, for seconds since 1970."""
    known = re.compile(form)

    def held(value: Any) -> Any:
        if not isinstance(value, str) or not known.fullmatch(value):
            raise ValueError(words)
        return value

    return BeforeValidator(held)


Day = Annotated[date, _of_form(r"\d{4}-\d{2}-\d{2}", "is a day, YYYY-MM-DD")]
Instant = Annotated[
    AwareDatetime,
    _of_form(
        r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})",
        "is an instant with its offset, as 2021-03-28T01:00:00Z or 2021-03-28T01:00:00+01:00",
    ),
]
Since = Annotated[Instant | None, Query(description="First instant, with its offset; included.")]
Until = Annotated[Instant | None, Query(description="Last instant, with its offset; excluded.")]
FirstDay = Annotated[Day | None, Query(description="First local day; included.")]
LastDay = Annotated[Day | None, Query(description="Last local day; included.")]
After = Annotated[str | None, Query(max_length=2000, description="`next_after` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows of a page.")]


# UTC without a zone, as the warehouse keeps instants.
_FIRST, _LAST = datetime.min, datetime.max  # noqa: DTZ901


def utc(instant: datetime | None) -> datetime | None:
    """As the warehouse keeps it: UTC without a zone, and within the years 1 to 9999 whatever the offset."""
    if instant is None:
        return None
    try:
        return instant.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return _LAST if instant.year > 1 else _FIRST


def before(instant: datetime, span: timedelta) -> datetime:
    """An instant that much earlier; the first there is where there is none."""
    return instant - span if instant - _FIRST >= span else _FIRST


def listed(listing: Listing) -> dict[str, Any]:
    """Keyword arguments of a route that gives pages of the listing, for the OpenAPI document."""
    rows = {"schema": {"type": "string", "format": "binary"}}
    words = {
        "description": "A page of rows.",
        "model": listing.page,
        "content": {kind: rows for kind in KINDS if kind != JSON},
        "headers": {
            "ETag": {"description": "Changes with the build.", "schema": {"type": "string"}},
            "Link": {"description": "The page that follows, as rel=next.", "schema": {"type": "string"}},
        },
    }
    unchanged = {"description": "What If-None-Match names is still the answer."}
    return {"responses": {200: words, 304: unchanged, **refusals(404, 406)}, "response_class": Response}


class Answering:
    """One call's way to its answer."""

    def __init__(self, request: Request, house: House, accept: str | None, if_none_match: str | None) -> None:
        self.request, self.house = request, house
        self._accept, self._known = accept, if_none_match

    def page(
        self,
        listing: Listing,
        filters: Sequence[tuple[str, Mapping[str, Any]]],
        after: str | None,
        limit: int,
        more: Mapping[str, Any] | None = None,
    ) -> Response:
        """Rows of the listing. Raises ApiError 404 or 406, and what `Published.ask` raises."""
        kind = accepted(self._accept)
        sql, parameters = listing.question(filters, after, limit)

        def made(publication: Publication, table: pa.Table) -> tuple[bytes, str | None]:
            rest = table.num_rows > limit
            shown = table.slice(0, limit)
            follows = listing.after(shown.slice(limit - 1, 1).to_pylist()[0]) if rest else None
            beside = {**(more or {}), "next_after": follows}
            return encoded(kind, publication, shown, beside), follows

        return self._answer(kind, sql, parameters, made)

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """A small question on the way, kept as the answers are."""
        publication = self.house.published.publication()
        name = _name("rows", sql, parameters)
        if (kept := self.house.cache.get(publication.etag, name)) is not None:
            return list(_unpacked(kept))
        answer = self.house.published.ask(sql, parameters)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answer.table.schema) as writer:
            writer.write_table(answer.table)
        self.house.cache.put(answer.publication.etag, name, sink.getvalue().to_pybytes())
        return list(answer.table.to_pylist())

    def _answer(
        self,
        kind: str,
        sql: str,
        parameters: dict[str, Any],
        made: Callable[[Publication, pa.Table], tuple[bytes, str | None]],
    ) -> Response:
        publication = self.house.published.publication()
        name = _name(kind, sql, parameters)
        if self._has(publication, name):
            return Response(status_code=304, headers=_headers(publication, name))
        kept = self.house.cache.get(publication.etag, name)
        self.house.metrics.cache_asked(kept is not None)
        if kept is None:
            answer = self.house.published.ask(sql, parameters)
            publication = answer.publication
            body, follows = made(publication, answer.table)
            kept = (follows or "").encode() + b"\n" + body
            self.house.cache.put(publication.etag, name, kept)
        place, _, body = kept.partition(b"\n")
        headers = _headers(publication, name)
        if place:
            following = self.request.url.include_query_params(after=place.decode())
            headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return Response(body, media_type=kind, headers=headers)

    def _has(self, publication: Publication, name: str) -> bool:
        tag = _tag(publication, name)
        known = [one.strip().removeprefix("W/") for one in (self._known or "").split(",")]
        return tag in known or known == ["*"]


async def _asked(
    request: Request,
    house: Annotated[House, Depends(house_of)],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    if_none_match: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Answering:
    return Answering(request, house, accept, if_none_match)


Asked = Annotated[Answering, Depends(_asked)]


def _name(kind: str, sql: str, parameters: Mapping[str, Any]) -> str:
    given = json.dumps([kind, sql, sorted(parameters.items())], default=str)
    return hashlib.sha256(given.encode()).hexdigest()[:32]


def _tag(publication: Publication, name: str) -> str:
    return f'"{publication.etag}.{name[:16]}"'


def _headers(publication: Publication, name: str) -> dict[str, str]:
    return {
        "ETag": _tag(publication, name),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
    }


def _unpacked(body: bytes) -> list[dict[str, Any]]:
    with pa.ipc.open_stream(body) as stream:
        return list(stream.read_all().to_pylist())
