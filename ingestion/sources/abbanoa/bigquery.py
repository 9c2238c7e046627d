"""The sensor table in BigQuery, day by day through its Arrow storage interface; each day is a Parquet file in the lake.

A day is read when the table says something else of it than when it was landed: its number of rows, its latest
`ingestion_timestamp`. Rows edited in place without a new one are seen with `--param full=true` only.

Tested against an emulator (bqemulator); it has no credentials, quotas or several streams per session.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingestion.clients import places
from ingestion.clients.content import BadContent, raw_names
from ingestion.lake import digest_of
from ingestion.source import Batch, Problem, Run, SourceError, Unchanged
from ingestion.sources.abbanoa import SOURCE
from ingestion.sources.abbanoa.readings import READINGS, Readings
from ingestion.sources.abbanoa.settings import AbbanoaSettings

log = logging.getLogger(__name__)

QUERY_SECONDS = 600


@dataclass(frozen=True)
class Day:
    """What the table says of one UTC day."""

    day: date
    rows: int
    latest: datetime | None
    """Its latest `ingestion_timestamp`."""

    @property
    def version(self) -> str:
        return f"{self.rows} rows" + (f" to {_iso(self.latest)}" if self.latest else "")


def read_table(run: Run, settings: AbbanoaSettings) -> Iterator[Batch | Problem | Unchanged]:
    """The days that are news: those asked for, else from `ABBANOA_LATE_DAYS` before the newest landed to the run's."""
    name = settings.abbanoa_bigquery_table
    assert name
    with _errors(name):
        table = SensorTable(settings)
    known = places.Known(run, SOURCE.name, [READINGS.name])
    since, until = _window(run, settings, table.uri)
    with _errors(name):
        days = table.days(since, until)
    log.info("%s: %d days from %s to %s", name, len(days), since or "its first", until)
    readings = Readings(run, settings)
    for number, day in enumerate(days, 1):
        run.progress(number, len(days), "days of sensor readings")
        uri = f"{table.uri}/{day.day}"
        if known.has_version(uri, day.version):
            yield Unchanged(READINGS.name, uri)
            continue
        path = readings.folder / f"bigquery-{day.day}.parquet"
        try:
            with _errors(name):
                day = table.read(day, path)
            sha256 = digest_of(path)
            if known.has_content(uri, sha256):
                yield Unchanged(READINGS.name, uri)
                continue
            readable = readings.look(path, path.name, number)
        except BadContent as error:
            yield Problem(error.code, error.message, READINGS.name, uri, error.row, error.column)
            continue
        except SourceError as error:  # the days before it stand
            yield Problem(error.code, error.message, READINGS.name, uri)
            break
        known.add(sha256)
        stored = run.store(READINGS.name, path.name, path, sha256, day=day.day)
        yield from readings.add(uri, stored, readable, day.version, _iso(day.latest) if day.latest else None)
    yield from readings.rest()


def _window(run: Run, settings: AbbanoaSettings, uri: str) -> tuple[date | None, date]:
    """First and last day to ask for; no first when nothing has been landed and nothing is set."""
    until = run.until or run.logical_at.date()
    if run.since or run.until:
        return run.since, until
    found = run.query(f"select max(uri) from raw.landed_files where source = '{SOURCE.name}' and uri like '{uri}/%'")
    if not found or found[0][0] is None:
        return settings.abbanoa_bigquery_from, until
    return date.fromisoformat(str(found[0][0])[-10:]) - timedelta(days=settings.abbanoa_late_days), until


class SensorTable:
    """One BigQuery table of sensor readings. Raises SourceError, and what `_errors` turns into one."""

    def __init__(self, settings: AbbanoaSettings) -> None:
        try:
            from google.cloud import bigquery
            from google.cloud.bigquery_storage_v1 import types
        except ImportError:
            advice = "install it: uv sync --extra bigquery"
            raise SourceError("CONFIG_BIGQUERY", f"BigQuery needs the extra `bigquery`; {advice}") from None
        given = str(settings.abbanoa_bigquery_table)
        self.project, self.dataset, self.table = given.rsplit(".", 2)
        self.uri = f"bigquery://{given}"
        self.payer = settings.abbanoa_bigquery_project or self.project
        self._bigquery, self._types = bigquery, types
        self.client, self.storage = _clients(settings, self.payer)
        fields = self.client.get_table(given).schema
        kinds = {field.name.lower(): field.field_type for field in fields}
        names = raw_names([field.name for field in fields]).values()
        if missing := [key for key in READINGS.key if key not in names]:
            raise SourceError("DATA_MISSING_COLUMN", f"{given} has no column {', '.join(missing)}", self.uri)
        self.has_ingestion = "ingestion_timestamp" in kinds
        # A TIMESTAMP is an instant; a DATETIME is a wall clock, and its text must not have an offset.
        self.offset = "+00:00" if kinds["timestamp"] == "TIMESTAMP" else ""

    def days(self, since: date | None, until: date) -> list[Day]:
        """Each day that has rows, by a query over two columns of its partitions."""
        latest = "max(ingestion_timestamp)" if self.has_ingestion else "null"
        sql = (
            f"select date(`timestamp`) as day, count(*) as row_count, {latest} as latest "
            f"from `{self.project}.{self.dataset}.{self.table}` where {self._between(since, until)} "
            "group by day order by day"
        )
        return [Day(row.day, row.row_count, row.latest) for row in self.client.query(sql).result(timeout=QUERY_SECONDS)]

    def read(self, day: Day, path: Path) -> Day:
        """Writes the day's rows as Parquet, batch by batch, as they came; returns the day as it was read.

        Raises BadContent `DATA_SOURCE_MOVED` when its rows are twice not those that the table counts.
        """
        import pyarrow as pa
        import pyarrow.parquet

        for _ in range(2):
            session = self.storage.create_read_session(
                parent=f"projects/{self.payer}",
                read_session=self._types.ReadSession(
                    table=f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}",
                    data_format=self._types.DataFormat.ARROW,
                    read_options=self._types.ReadSession.TableReadOptions(
                        row_restriction=self._between(day.day, day.day)
                    ),
                ),
                # Several streams would give the rows of a day in another order each time, and so other bytes.
                max_stream_count=1,
            )
            schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
            rows = 0
            with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
                for stream in session.streams:
                    for answer in self.storage.read_rows(stream.name):
                        packed = pa.py_buffer(answer.arrow_record_batch.serialized_record_batch)
                        batch = pa.ipc.read_record_batch(packed, schema)
                        rows += batch.num_rows
                        writer.write_batch(batch)
            if rows == day.rows:
                return day
            day = next(iter(self.days(day.day, day.day)), Day(day.day, 0, None))
            if rows == day.rows:
                return day
        raise BadContent("DATA_SOURCE_MOVED", f"{day.day}: {day.rows} rows are counted and {rows} came; try again")

    def _between(self, since: date | None, until: date) -> str:
        last = f"`timestamp` < '{until + timedelta(days=1)} 00:00:00{self.offset}'"
        return f"`timestamp` >= '{since} 00:00:00{self.offset}' and {last}" if since else last


def _clients(settings: AbbanoaSettings, payer: str) -> tuple[Any, Any]:
    """Both clients: with the credentials of the environment, or an emulator's without any."""
    from google.cloud import bigquery
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

    rest, storage = settings.abbanoa_bigquery_url, settings.abbanoa_bigquery_storage_url
    if not rest and not storage:
        return bigquery.Client(project=payer), BigQueryReadClient()
    if not rest or not storage:
        missing = "ABBANOA_BIGQUERY_STORAGE_URL" if rest else "ABBANOA_BIGQUERY_URL"
        raise SourceError("CONFIG_BIGQUERY", f"an emulator has two addresses: set {missing} too")
    import grpc
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    client = bigquery.Client(
        project=payer, credentials=AnonymousCredentials(), client_options={"api_endpoint": rest.rstrip("/")}
    )
    channel = grpc.insecure_channel(urlsplit(storage).netloc)
    return client, BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """Turns what Google says into a code and a message without account names or tokens."""
    try:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
    except ImportError:
        yield  # SensorTable says what is missing
        return
    uri = f"bigquery://{name}"
    try:
        yield
    except exceptions.NotFound:
        raise SourceError("CONFIG_BIGQUERY", f"there is no table {name}; correct ABBANOA_BIGQUERY_TABLE", uri) from None
    except (GoogleAuthError, exceptions.Forbidden, exceptions.Unauthorized):
        advice = "check GOOGLE_APPLICATION_CREDENTIALS and its roles (data viewer, job user, read session user)"
        raise SourceError("DENIED_BIGQUERY", f"BigQuery refuses these credentials; {advice}", uri) from None
    except (exceptions.GoogleAPIError, OSError, TimeoutError) as error:
        told = f"BigQuery cannot be read now ({type(error).__name__}); try again later"
        raise SourceError("SOURCE_BIGQUERY", told, uri) from None


def _iso(instant: datetime) -> str:
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
