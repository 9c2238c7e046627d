"""What is fresh, late and wrong, and how much of everything there was against the weeks before."""

from __future__ import annotations

import pyarrow as pa

from serving.dashboard.reading import ask


def freshness() -> pa.Table:
    """One row per raw table, the worst first, those that are not in use last; ages in hours, as of the build."""
    return ask(
        "select source, table_name, status, last_landed_at, cast(age_s as double precision) / 3600 as age_h, "
        "late_after_s / 3600.0 as late_after_h from source_freshness order by "
        "case status when 'stale' then 0 when 'never landed' then 1 when 'late' then 2 when 'fresh' then 3 else 4 end, "
        "source, table_name limit 200"
    )


def landings() -> pa.Table:
    """The last landing of each source: rows landed, problems, seconds."""
    return ask(
        "select h.source, h.status, h.finished_at, h.rows_landed, h.files_rejected, h.problems, h.duration_s "
        "from load_history as h inner join (select source, max(started_at) as started_at from load_history "
        "group by source) as l on l.source = h.source and l.started_at = h.started_at order by h.source limit 200"
    )


def findings() -> pa.Table:
    """One row: counts of what the ledgers and detectors found."""
    return ask(
        "select "
        "(select count(*) from conservation) as balances, "
        "(select count(*) from conservation where unexplained <> 0) as unbalanced, "
        "(select count(*) from parse_failures) as parse_failures, "
        "(select count(*) from schema_drift where is_current) as drifts, "
        "(select count(*) from interval_gaps) as gaps, "
        "(select coalesce(sum(missing_interval_count), 0) from interval_gaps) as missing_half_hours, "
        "(select count(*) from anomalies where severity = 'critical') as critical_anomalies, "
        "(select count(*) from anomalies) as anomalies, "
        "(select count(*) from landing_problems) as landing_problems"
    )


DAYS = 28
"""Two periods of whole weeks: calendar months would set a month that has begun against one that has ended."""

# Day, quantity, table and rows of each system that is measured by the day.
_DAILY = {
    "kWh metered": ("local_date", "consumption_kwh", "daily_product_consumption", "true"),
    "dth scheduled": ("gas_day", "scheduled_quantity_dth", "capacity_best_available", "is_posted"),
    "m³ into the network": (
        "local_date",
        "input_m3",
        "network_efficiency",
        "scope = 'network' and time_window = '1day'",
    ),
}
SYSTEMS = tuple(_DAILY)


def periods(system: str) -> pa.Table:
    """One row: total of the last DAYS days up to the newest day with a figure and of the DAYS days before, in the unit
    of `system`, with the days that have one. A total is null where nothing is known, and 0 where that was measured."""
    day, quantity, table, condition = _DAILY[system]
    return ask(
        f"with known as (select {day} as day, sum({quantity}) as total from {table} "
        f"where {condition} and {quantity} is not null group by {day}), "
        "newest as (select max(day) as last_day from known) "
        f"select last_day, sum(case when day > last_day - {DAYS} then total end) as total, "
        f"sum(case when day <= last_day - {DAYS} then total end) as total_before, "
        f"count(case when day > last_day - {DAYS} then 1 end) as days, "
        f"count(case when day <= last_day - {DAYS} then 1 end) as days_before "
        f"from newest left join known on day > last_day - {2 * DAYS} group by last_day"
    )


def billed_months() -> pa.Table:
    """The last three months with bills, newest first; further lines of the newest may still come."""
    return ask(
        "select month, sum(amount_due_cad) as amount_due_cad, sum(bills) as bills from monthly_billing "
        "where month is not null group by month order by month desc limit 3"
    )
