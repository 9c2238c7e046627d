"""What the ledgers say was lost, late, changed or unexplained, and how complete the readings of water nodes are."""

from __future__ import annotations

import pyarrow as pa

from serving.dashboard.reading import ask

MOST = 1_000
"""Rows of a list; the page says when there are more."""
_OF_SOURCE = "(cast($source as varchar) is null or source = $source)"


def sources() -> list[str]:
    """Names of the sources that a ledger knows."""
    found = ask("select source from source_freshness union select source from conservation order by 1 limit 200")
    return [str(name) for name in found.column("source").to_pylist()]


def counts(source: str | None) -> pa.Table:
    """One row: how many entries each ledger has; gaps and their half-hours are of smart meters, whatever the source."""
    return ask(
        "select "
        f"(select count(*) from conservation where unexplained <> 0 and {_OF_SOURCE}) as unbalanced, "
        f"(select count(*) from conservation where {_OF_SOURCE}) as balances, "
        f"(select count(*) from parse_failures where {_OF_SOURCE}) as parse_failures, "
        f"(select count(*) from schema_drift where is_current and {_OF_SOURCE}) as drifts, "
        f"(select count(*) from landing_problems where {_OF_SOURCE}) as landing_problems, "
        "(select count(*) from interval_gaps) as gaps, "
        "(select coalesce(sum(missing_interval_count), 0) from interval_gaps) as missing_half_hours",
        source=source,
    )


def freshness(source: str | None) -> pa.Table:
    """One row per raw table, the worst first; ages in hours, as of the build."""
    return ask(
        "select source, table_name, status, last_landed_at, judged_at, "
        "cast(age_s as double precision) / 3600 as age_h, late_after_s / 3600.0 as late_after_h, "
        "stale_after_s / 3600.0 as stale_after_h from source_freshness "
        f"where {_OF_SOURCE} order by case status when 'stale' then 0 when 'never landed' then 1 when 'late' then 2 "
        f"when 'fresh' then 3 else 4 end, source, table_name limit {MOST}",
        source=source,
    )


def conservation(source: str | None) -> pa.Table:
    """One row per source, hop and measure, what is unexplained first; amounts in the unit of `measure`."""
    return ask(
        "select source, hop, measure, amount_in, kept, superseded, rejected, unmapped, unexplained from conservation "
        f"where {_OF_SOURCE} order by case when unexplained <> 0 then 0 else 1 end, source, hop, measure limit {MOST}",
        source=source,
    )


def parse_failures_by_column(source: str | None) -> pa.Table:
    """One row per column with texts that could not be parsed, the most first."""
    return ask(
        "select source, table_name, column_name, count(*) as texts from parse_failures "
        f"where {_OF_SOURCE} group by source, table_name, column_name order by texts desc, source, table_name, "
        f"column_name limit {MOST}",
        source=source,
    )


def parse_failures(source: str | None) -> pa.Table:
    """One row per text; where it is a person's the ledger has its length only."""
    return ask(
        "select source, table_name, column_name, original_text, uri, _source_file, _source_row, _dlt_load_id "
        f"from parse_failures where {_OF_SOURCE} order by source, table_name, column_name, _source_file, _source_row "
        f"limit {MOST}",
        source=source,
    )


def drift(source: str | None) -> pa.Table:
    """One row per column that is not sent as declared, those of the latest load first."""
    return ask(
        "select source, table_name, column_name, kind, declared_as, is_current, files, first_landed_at, "
        f"last_landed_at, example_uri from schema_drift where {_OF_SOURCE} "
        f"order by is_current desc, source, table_name, column_name, kind limit {MOST}",
        source=source,
    )


def gaps() -> pa.Table:
    """One row per unbroken run of missing half-hours, the longest first."""
    return ask(
        "select meterpoint_id, missing_interval_count, first_local_date, last_local_date, starts_at, ends_at "
        f"from interval_gaps order by missing_interval_count desc, meterpoint_id, starts_at limit {MOST}"
    )


def problems(source: str | None) -> pa.Table:
    """One row per thing that could not be landed, the newest first."""
    return ask(
        "select occurred_at, source, table_name, code, message, uri, source_row, source_column from landing_problems "
        f"where {_OF_SOURCE} order by occurred_at desc, source, uri limit {MOST}",
        source=source,
    )


def kinds() -> list[str]:
    """Kinds of runs that there have been."""
    return [
        str(kind) for kind in ask("select distinct kind from load_history order by kind").column("kind").to_pylist()
    ]


def runs(source: str | None, kind: str | None) -> pa.Table:
    """One row per run, the newest first; `duration_s` in seconds, null while there is no end. Runs of other kinds than
    landings and backfills are of no source."""
    return ask(
        "select started_at, kind, subject, status, cast(duration_s as double precision) as duration_s, rows_landed, "
        "files_rejected, problems, models_failed, tests_failed, code, message from load_history "
        f"where {_OF_SOURCE} and (cast($kind as varchar) is null or kind = $kind) "
        f"order by started_at desc, kind, subject limit {MOST}",
        source=source,
        kind=kind,
    )


def node_days() -> pa.Table:
    """One row per water node and local day of the last 120 days, as far as the quality mart has it: completeness in
    percent, and a score from 0 to 1."""
    return ask(
        "select q.node_id, q.local_date, cast(q.completeness_pct as double precision) as completeness_pct, "
        "cast(q.quality_score as double precision) as quality_score, q.quality_band, q.reading_count, "
        "q.expected_reading_count, q.rejected_count, q.late_count, q.out_of_range_count, q.interpolated_count "
        "from data_quality_daily as q cross join (select max(local_date) as newest from data_quality_daily) as n "
        "where q.local_date > n.newest - 120 order by q.node_id, q.local_date limit 20000"
    )


def anomalies() -> pa.Table:
    """One row per kind of anomaly and severity: how many, at how many nodes and districts (one of a
    district is of no node), and when the first and the last began (UTC)."""
    return ask(
        "select anomaly_type, severity, count(*) as anomalies, count(distinct node_id) as nodes, "
        "count(distinct district_id) as districts, "
        "min(starts_at) as first_starts_at, max(starts_at) as last_starts_at from anomalies "
        "group by anomaly_type, severity order by severity, anomaly_type limit 200"
    )


def detector_scores() -> pa.Table:
    """One row per kind of anomaly: faults and events of generated worlds, shares from 0 to 1 that were found and right
    (null where there are none to share), and how many events this build told, how many of them critical."""
    return ask(
        "select anomaly_type, world_count, planted_count, found_count, told_count, right_count, "
        "cast(recall_ratio as double precision) as recall_ratio, "
        "cast(precision_ratio as double precision) as precision_ratio, anomaly_count, critical_count "
        "from detector_scores order by anomaly_type limit 200"
    )
