"""What Prometheus is told: the newest build's ledgers, and how the API itself is doing.

Figures of the warehouse are read once per publication. Ages are told as instants, so that they grow while nothing is
published.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerting import open_faults
from ingestion.errors import LandingError
from publishing.builds import NotPublished
from serving.published import Publication, Published

log = logging.getLogger(__name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)

COUNTS = {
    "meterhouse_parse_failures": (
        "Values that could not be understood.",
        "select count(*) as n from parse_failures",
    ),
    "meterhouse_unexplained_balances": (
        "Balances of the conservation ledger with something unexplained.",
        "select count(*) as n from conservation where unexplained <> 0",
    ),
    "meterhouse_missing_half_hours": (
        "Half-hours without a meter read, within what is expected.",
        "select coalesce(sum(missing_interval_count), 0) as n from interval_gaps",
    ),
    "meterhouse_drifting_columns": (
        "Columns that deliveries do not send as declared.",
        "select count(*) as n from schema_drift where is_current",
    ),
}


class Metrics:
    """One registry per API: several in one process do not meet."""

    def __init__(self, published: Published) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "meterhouse_api_request_seconds", "Time from a call to its answer.", ["method", "route", "status"],
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._asked = Counter(
            "meterhouse_api_answers", "Answers given, from the cache (hit) or the warehouse (miss).", ["cache"],
            registry=self.registry,
        )  # fmt: skip
        self.cache_failures = Counter(
            "meterhouse_api_cache_failures", "Times that Redis did not answer.", registry=self.registry
        )
        for result in ("hit", "miss"):
            self._asked.labels(result)
        self.registry.register(_Ledgers(published))

    def cache_asked(self, is_hit: bool) -> None:
        self._asked.labels("hit" if is_hit else "miss").inc()

    def text(self) -> bytes:
        """In Prometheus' form."""
        return generate_latest(self.registry)


class _Ledgers:
    """Collects from the published copy and from the faults that are open on this machine."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._lock = threading.Lock()
        self._seen, self._kept = "", list[Metric]()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        is_there = GaugeMetricFamily("meterhouse_published", "1 while a published copy can be read.")
        try:
            with self._lock:
                publication = self._published.publication()
                if publication.etag != self._seen:
                    self._kept = list(self._read(publication))
                    self._seen = publication.etag
            yield from self._kept
            yield _gauge("meterhouse_built_timestamp_seconds", "When the published build ended.", publication.built_at)
            yield _gauge("meterhouse_published_timestamp_seconds", "When it was published.", publication.published_at)
            is_there.add_metric([], 1)
        except NotPublished:
            is_there.add_metric([], 0)
        except LandingError as error:
            log.error("The published copy could not be read for the metrics: %s", error)
            is_there.add_metric([], 0)
        yield is_there
        faults = GaugeMetricFamily("meterhouse_open_faults", "Faults that people were told of.", labels=["severity"])
        found = open_faults()
        for severity in ("failure", "warning"):
            faults.add_metric([severity], sum(one.severity == severity for one in found))
        yield faults

    def _read(self, publication: Publication) -> Iterator[Metric]:
        yield from self._landings()
        yield from self._runs(publication)
        landed = GaugeMetricFamily(
            "meterhouse_source_last_landed_timestamp_seconds", "When the raw table last got something.",
            labels=["source", "table"],
        )  # fmt: skip
        patience = GaugeMetricFamily(
            "meterhouse_source_late_after_seconds", "Age from which the raw table is late.", labels=["source", "table"]
        )
        for row in self._rows(
            "select source, table_name, last_landed_at, late_after_s from source_freshness where status <> 'not in use'"
        ):
            labels = [row["source"], row["table_name"]]
            if row["last_landed_at"] is not None:
                landed.add_metric(labels, _seconds(row["last_landed_at"]))
            if row["late_after_s"] is not None:
                patience.add_metric(labels, row["late_after_s"])
        yield landed
        yield patience
        rejected = GaugeMetricFamily(
            "meterhouse_rows_rejected", "Rows that a hop kept out, of all that are landed.", labels=["source", "hop"]
        )
        for row in self._rows("select source, hop, rejected from conservation where measure = 'rows'"):
            rejected.add_metric([row["source"] or "", row["hop"]], float(row["rejected"]))
        yield rejected
        anomalies = GaugeMetricFamily(
            "meterhouse_anomalies", "Events that the detectors found in the published marts.", labels=["severity"]
        )
        found = {
            row["severity"]: row["n"] for row in self._rows("select severity, count(*) as n from anomalies group by 1")
        }
        for severity in ("info", "warning", "critical"):
            anomalies.add_metric([severity], found.get(severity, 0))
        yield anomalies
        for name, (words, sql) in COUNTS.items():
            ((count,),) = [list(row.values()) for row in self._rows(sql)]
            yield GaugeMetricFamily(name, words, value=float(count))

    def _landings(self) -> Iterator[Metric]:
        rows = CounterMetricFamily("meterhouse_rows_landed", "Rows landed, by source.", labels=["source"])
        files = CounterMetricFamily("meterhouse_files_rejected", "Files that could not be landed.", labels=["source"])
        for row in self._rows(
            "select source, coalesce(sum(rows_landed), 0) as landed, coalesce(sum(files_rejected), 0) as rejected "
            "from load_history where kind in ('landing', 'backfill') group by source order by source"
        ):
            rows.add_metric([row["source"]], float(row["landed"]))
            files.add_metric([row["source"]], float(row["rejected"]))
        yield rows
        yield files

    def _runs(self, publication: Publication) -> Iterator[Metric]:
        """The last run of each kind (and source) that has ended; of builds the one that is published, which its own
        copy has as running."""
        labels = ["kind", "source"]
        seconds = GaugeMetricFamily("meterhouse_run_seconds", "How long the last one took.", labels=labels)
        failed = GaugeMetricFamily("meterhouse_run_failed", "1 when the last one failed.", labels=labels)
        ended = GaugeMetricFamily("meterhouse_run_finished_timestamp_seconds", "When it ended.", labels=labels)
        newest = {
            (row["kind"], row["source"] or ""): row
            for row in self._rows(
                "select h.kind, h.source, h.status, h.duration_s, h.finished_at from load_history as h "
                "inner join (select kind, coalesce(source, '') as source, max(finished_at) as finished_at "
                "from load_history where finished_at is not null group by 1, 2) as l "
                "on l.kind = h.kind and l.source = coalesce(h.source, '') and l.finished_at = h.finished_at"
            )
        }
        for row in self._rows("select started_at from load_history where run_id = $run", run=publication.invocation_id):
            took = (publication.built_at - row["started_at"]).total_seconds()
            newest["build", ""] = {"status": "ok", "duration_s": took, "finished_at": publication.built_at}
        for (kind, source), row in sorted(newest.items()):
            if row["duration_s"] is not None:
                seconds.add_metric([kind, source], float(row["duration_s"]))
            failed.add_metric([kind, source], float(row["status"] == "failed"))
            ended.add_metric([kind, source], _seconds(row["finished_at"]))
        yield from (seconds, failed, ended)
        # A build that failed is in the copies after it: how many did is known, not that one just has.
        tests = CounterMetricFamily("meterhouse_tests_failed", "Tests that failed, in all builds on record.")
        (row,) = self._rows("select coalesce(sum(tests_failed), 0) as n from load_history where kind = 'build'")
        tests.add_metric([], float(row["n"]))
        yield tests

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self._published.ask(sql, parameters).table.to_pylist())


def _gauge(name: str, words: str, at: datetime) -> Metric:
    return GaugeMetricFamily(name, words, value=_seconds(at))


def _seconds(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()
