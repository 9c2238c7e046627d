"""The rules. A subject names the thing, never the run or the row, so that a fault that lasts keeps its key.

Which events and ages matter is the ledgers' and detectors' business: a rule only says that somebody should look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerting.faults import Severity
from serving.published import Published

RECENT = "interval '24 hours'"
"""An event of the network is told while it lasts and for so long after, counted from the newest reading."""


@dataclass(frozen=True)
class Found:
    """Something that is wrong. No value of a person is in its words."""

    subject: str
    severity: Severity
    title: str
    detail: str


@dataclass(frozen=True)
class Rule:
    """`name` begins the keys of its faults, `<name>/<subject>`."""

    name: str
    owner: str
    playbook: str
    find: Callable[[Published], Iterator[Found]]


def _rows(published: Published, sql: str) -> list[dict[str, Any]]:
    return list(published.ask(sql).table.to_pylist())


def late_sources(published: Published) -> Iterator[Found]:
    """Raw tables that brought nothing for longer than their thresholds, by the clock of now."""
    now = datetime.now(UTC).replace(tzinfo=None)
    for row in _rows(
        published,
        "select source, table_name, last_landed_at, late_after_s, stale_after_s from source_freshness "
        "where status <> 'not in use' order by source, table_name",
    ):
        subject = f"{row['source']}.{row['table_name']}"
        if row["last_landed_at"] is None:
            yield Found(subject, "failure", f"{subject} has never landed", "Nothing of this table has landed yet.")
            continue
        age = (now - row["last_landed_at"]).total_seconds()
        for severity, limit in (("failure", row["stale_after_s"]), ("warning", row["late_after_s"])):
            if limit is not None and age > limit:
                since = (
                    f"Nothing new since {row['last_landed_at']:%Y-%m-%d %H:%M} UTC; it may take {limit / 3600:,.1f} h."
                )
                yield Found(subject, severity, f"{subject} is {_LATENESS[severity]}", since)  # type: ignore[arg-type]
                break


_LATENESS = {"failure": "stale", "warning": "late"}


def parse_losses(published: Published) -> Iterator[Found]:
    """Columns of which delivered values could not be understood."""
    for row in _rows(
        published,
        "select source, table_name, column_name, count(*) as n, max(uri) as uri from parse_failures "
        "group by source, table_name, column_name order by 1, 2, 3",
    ):
        subject = f"{row['source']}.{row['table_name']}.{row['column_name']}"
        detail = (
            f"{row['n']:,} delivered values could not be understood and are null in the marts; the last file with one "
            f"is {row['uri']}. ledger.parse_failures has each with its file and row."
        )
        yield Found(subject, "warning", f"values of {subject} could not be understood", detail)


def gaps(published: Published) -> Iterator[Found]:
    """Half-hours without a meter read, all together: a fault per meter would be a flood."""
    (row,) = _rows(
        published,
        "select count(*) as n, count(distinct meterpoint_id) as meters, coalesce(sum(missing_interval_count), 0) "
        "as half_hours, max(last_local_date) as last_date from interval_gaps",
    )
    if row["n"]:
        detail = (
            f"{row['half_hours']:,} half-hours in {row['n']:,} gaps at {row['meters']:,} meter points, the last on "
            f"{row['last_date']}; ledger.interval_gaps has each."
        )
        yield Found("meter_readings", "warning", "meter reads have gaps", detail)


def breaks(published: Published) -> Iterator[Found]:
    """Balances with something that nothing explains."""
    for row in _rows(
        published,
        "select source, hop, measure, amount_in, unexplained from conservation where unexplained <> 0 order by 1, 2, 3",
    ):
        subject = f"{row['source']}: {row['hop']}, {row['measure']}"
        detail = (
            f"Of {row['amount_in']:,f} {row['measure']} that went in, {row['unexplained']:,f} are neither kept, "
            "superseded, rejected nor unmapped. Do not trust totals of this hop."
        )
        yield Found(subject, "failure", f"a balance does not close: {subject}", detail)


def anomalies(published: Published) -> Iterator[Found]:
    """Critical and warning events of the network that last or have just ended, one fault per place and kind."""
    for row in _rows(
        published,
        "select coalesce(node_id, district_id) as place, anomaly_type, min(severity) as severity, count(*) as n, "
        "min(starts_at) as starts_at, max(ends_at) as ends_at from anomalies "
        f"where severity in ('critical', 'warning') and ends_at > (select max(last_read_at) from dim_nodes) - {RECENT} "
        "group by 1, 2 order by 1, 2",
    ):
        # "critical" comes before "warning" in the alphabet, too.
        severity: Severity = "failure" if row["severity"] == "critical" else "warning"
        kind = row["anomaly_type"].replace("_", " ")
        detail = (
            f"{row['n']:,} events from {row['starts_at']:%Y-%m-%d %H:%M} to {row['ends_at']:%Y-%m-%d %H:%M} UTC; "
            "marts.anomalies has their evidence."
        )
        yield Found(f"{row['place']}/{row['anomaly_type']}", severity, f"{kind} at {row['place']}", detail)


def failed_runs(published: Published) -> Iterator[Found]:
    """Kinds of runs (landings by source) of which the last one that ended did not end well."""
    for row in _rows(
        published,
        "select kind, source, status, code, finished_at from ("
        "select *, row_number() over (partition by kind, source order by started_at desc, run_id desc, subject) "
        "as place from load_history where status not in ('running', 'busy') "
        # A copy that can be read was built and published: of builds it knows only those before it.
        "and kind in ('landing', 'backfill', 'backup', 'restore', 'drill')) as ended "
        "where place = 1 and status in ('failed', 'partial', 'abandoned') order by kind, source",
    ):
        subject = "/".join(filter(None, (row["kind"], row["source"])))
        ended = f"{row['finished_at']:%Y-%m-%d %H:%M} UTC" if row["finished_at"] else "without a word"
        severity: Severity = "warning" if row["status"] == "partial" else "failure"
        detail = f"{row['status']} ({row['code'] or 'no code'}), ended {ended}; ledger.load_history has its message."
        yield Found(subject, severity, f"the last {subject.replace('/', ' of ')} ended {row['status']}", detail)


RULES = (
    Rule("freshness", "ingestion", "source-late", late_sources),
    Rule("parse", "transformation", "ledger-findings", parse_losses),
    Rule("gap", "ingestion", "ledger-findings", gaps),
    Rule("conservation", "transformation", "ledger-findings", breaks),
    Rule("anomaly", "operations", "ledger-findings", anomalies),
    Rule("run", "operations", "landing-failed", failed_runs),
)
