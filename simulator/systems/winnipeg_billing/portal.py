"""A loopback Socrata: serves the bills of a sample world as SODA 2.x, and misbehaves on demand.

``with serve(world / "winnipeg_billing") as server:`` gives `server.domain` for SOCRATA_DOMAIN, `server.log` of what was
asked, `server.fault(...)` with the acts of `wire_faults`, `server.advance()` to the next edition, and the knobs.
"""

from __future__ import annotations

import csv
import email.utils
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.systems.winnipeg_billing.bills import COLUMNS
from simulator.systems.winnipeg_billing.rows import SYSTEM_WIDTH, UPDATED_AT, Rows
from simulator.systems.winnipeg_billing.soql import FIELDS, Reader, Refused
from simulator.wire import Request, Station, listening
from simulator.wire_faults import Act, Answer

_HEADER_TYPES = {"calendar_date": "floating_timestamp"}


class Portal(Station):
    """A data set as a Socrata portal keeps it: its rows, its answers, what happens to it."""

    KNOBS = Station.KNOBS | {"required_token", "limit_cap", "renamed_columns", "added_columns"}

    def __init__(self, folder: Path, *, generation: int = 1) -> None:
        super().__init__()
        self.dataset: dict[str, Any] = json.loads((folder / "dataset.json").read_text())
        self._folder = folder
        self.id: str = self.dataset["id"]
        self.required_token: str | None = None
        self.limit_cap = 50_000
        self.renamed_columns: dict[str, str] = {}
        """Columns that metadata, headers and rows now call by another name."""
        self.added_columns: dict[str, str] = {}
        """Columns the publisher added, with the one value that every row has."""
        self._reader = Reader(Rows.from_file(folder / "generation_1.json"))
        self.generation = 1
        self.rows_updated_at = self._moment(1)
        if generation == 2:
            self.advance()

    def _moment(self, generation: int) -> datetime:
        text: str = self.dataset["rows_updated_at"][str(generation)]
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    @property
    def rows(self) -> Rows:
        """The rows as they are now."""
        return self._reader.rows

    # -- what happens to the data set -------------------------------------------------------------------------------

    def advance(self) -> None:
        """The publisher's next edition: some rows changed, some are gone, some are new. Advancing twice is an error."""
        with self._lock:
            if self.generation != 1:
                raise ValueError("the sample world has two editions, and the second is being served already")
            deleted = (self._folder / "generation_2_deleted.txt").read_bytes().split()
            self._replace(self.rows.with_file(self._folder / "generation_2.json", deleted), self._moment(2))
            self.generation = 2

    def delete(self, *identifiers: str) -> None:
        """Rows vanish."""
        self._replace(self.rows.with_rows(deleted=[identifier.encode() for identifier in identifiers]), self._later())

    def upsert(self, *rows: Mapping[str, str]) -> None:
        """Rows appear or change; each needs `:id`, gets a new `:updated_at`, and `:created_at` when it has none."""
        now = self._later()
        stamp = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
        texts = []
        for row in rows:
            values = {"hydro_gas_id": row["hydro_gas_id"]}
            values |= {name: value for name, value in row.items() if not name.startswith(":")}
            system = {":id": row[":id"], ":created_at": row.get(":created_at", stamp), ":updated_at": stamp}
            text = json.dumps({**system, **values}, ensure_ascii=False, separators=(",", ":")).encode()
            if text[SYSTEM_WIDTH : SYSTEM_WIDTH + 14] != b'"hydro_gas_id"':
                raise ValueError("a row needs a row identifier of 18 characters, as rows.row_id makes it")
            texts.append(text)
        self._replace(self.rows.with_rows(texts), now)

    def republish(self) -> None:
        """The publisher writes every row anew: nothing changes but `:updated_at`, on all of them."""
        now = self._later()
        stamp = (now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z").encode()
        end = UPDATED_AT + len(stamp)
        self._replace(self.rows.edited(lambda row: row[:UPDATED_AT] + stamp + row[end:]), now)

    def row(self, position: int) -> dict[str, str]:
        """The row at a position in the order of `:id`, system fields included."""
        found: dict[str, str] = json.loads(self.rows.row(position))
        return found

    def _later(self) -> datetime:
        return datetime.fromtimestamp(self.rows_updated_at.timestamp() + 3600, UTC)

    def _replace(self, rows: Rows, now: datetime) -> None:
        with self._lock:
            self._reader, self.rows_updated_at = Reader(rows), now

    def fault(self, act: Act, *, match: str = "/resource/", after: int = 0, times: int | None = 1) -> None:
        """As any station's, for requests of rows unless told otherwise."""
        super().fault(act, match=match, after=after, times=times)

    def orders(self) -> dict[str, Callable[..., object]]:
        return {**super().orders(), "advance": self.advance, "republish": self.republish}

    # -- answers ----------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """What a well-behaved Socrata says."""
        try:
            token = request.header("X-App-Token") or request.params.get("$$app_token")
            if self.required_token is not None and token != self.required_token:
                raise Refused(
                    403, {"code": "permission_denied", "error": True, "message": "Invalid app_token specified"}
                )
            if request.path == f"/api/views/{self.id}.json":
                return self._json(200, json.dumps(self.metadata()).encode())
            found = re.fullmatch(r"/resource/([^/]+)\.(json|csv)", request.path)
            if found and found[1] == self.id:
                return self._rows(request, is_csv=found[2] == "csv")
            raise Refused(404, {"code": "not_found", "error": True, "message": f"Cannot find {request.path}"})
        except Refused as refused:
            return self._json(refused.status, json.dumps(refused.body).encode())

    def _json(self, status: int, body: bytes) -> Answer:
        return Answer(status, body, {"Content-Type": "application/json;charset=utf-8", **self.extra_headers})

    def _rows(self, request: Request, *, is_csv: bool) -> Answer:
        with self._lock:
            reader, moment = self._reader, self.rows_updated_at
        # Outside the lock: a snapshot never changes, and pages of several clients need not wait for each other.
        page = reader.page(request.params, request.number, self.limit_cap)
        rows, fields = page.rows, page.fields
        if (self.renamed_columns or self.added_columns) and "account_number" in fields:
            rows, fields = [self._drifted(row) for row in rows], self._drifted_names(fields)
        types = [_HEADER_TYPES.get(FIELDS.get(name, "text"), FIELDS.get(name, "text")) for name in fields]
        modified = email.utils.format_datetime(moment, usegmt=True)
        headers = {
            "Content-Type": "text/csv;charset=utf-8" if is_csv else "application/json;charset=utf-8",
            "X-SODA2-Fields": json.dumps(fields),
            "X-SODA2-Types": json.dumps(types),
            "X-SODA2-Truth-Last-Modified": modified,
            "X-SODA2-Secondary-Last-Modified": modified,
            "X-SODA2-Data-Out-Of-Date": "false",
            "Last-Modified": modified,
            "ETag": f'W/"{int(moment.timestamp())}.{len(rows)}---gzip"',
            "X-Socrata-RequestId": f"{request.number:032x}",
            "X-Socrata-Region": "simulated",
            **self.extra_headers,
        }
        return Answer(200, _as_csv(rows, fields) if is_csv else b"[" + b"\n,".join(rows) + b"]\n", headers)

    def _drifted(self, row: bytes) -> bytes:
        values = {self.renamed_columns.get(name, name): value for name, value in json.loads(row).items()}
        return json.dumps({**values, **self.added_columns}, ensure_ascii=False, separators=(",", ":")).encode()

    def _drifted_names(self, names: Sequence[str]) -> tuple[str, ...]:
        return (*(self.renamed_columns.get(name, name) for name in names), *self.added_columns)

    def metadata(self) -> dict[str, Any]:
        """The view document: name, licence, columns, and when the rows last changed (epoch seconds)."""
        first_column = 500_000_001
        types = {**dict(COLUMNS), **{new: dict(COLUMNS)[old] for old, new in self.renamed_columns.items()}}
        names = self._drifted_names([name for name, _ in COLUMNS])
        columns = [
            {
                "id": first_column + position,
                "name": name.replace("_", " ").title(),
                "fieldName": name,
                "dataTypeName": types.get(name, "text"),
                "renderTypeName": types.get(name, "text"),
                "position": position + 1,
                "tableColumnId": 90_000_000 + position,
                "format": {},
            }
            for position, name in enumerate(names)
        ]
        moment = int(self.rows_updated_at.timestamp())
        return {
            "id": self.id,
            "name": "Synthetic utility billing (invented sample data)",
            "attribution": "Simulated publisher",
            "category": "Sample",
            "description": "Generated rows. No person, address or account in them exists.",
            "createdAt": 1_451_606_400,
            "publicationDate": 1_451_606_400,
            "licenseId": "SYNTHETIC",
            "license": {"name": "Synthetic sample data", "termsLink": "http://127.0.0.1/licence"},
            "newBackend": True,
            "rowsUpdatedAt": moment,
            "viewLastModified": moment,
            "rowIdentifierColumnId": first_column,
            "columns": columns,
            "metadata": {"rowIdentifier": "hydro_gas_id", "synthetic": True},
        }


def serve(folder: Path, *, port: int = 0, generation: int = 1) -> AbstractContextManager[Portal]:
    """A running loopback Socrata over the bills in a world's `winnipeg_billing` folder."""
    return listening(Portal(folder, generation=generation), port=port)


def _as_csv(rows: list[bytes], fields: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, quoting=csv.QUOTE_ALL, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(json.loads(row) for row in rows)
    return text.getvalue().encode()
