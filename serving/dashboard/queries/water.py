"""The water network: windows of its sensors, balances of zones, nights, findings with their evidence, quality."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from serving.dashboard.reading import ask

POINTS = 10_000
LINES = 1000
NODES = 7
"""Nodes that are drawn at once."""
NETWORK = "network"
"""What network_efficiency calls all zones together."""
WINDOWS = {"1hour": 31, "5min": 2, "1day": 3660}
"""Windows of computed_metrics, and local days of each that are shown at once."""
MEASURES = {
    "Mean flow (L/s)": "avg_flow_lps",
    "Least flow (L/s)": "min_flow_lps",
    "Greatest flow (L/s)": "max_flow_lps",
    "Mean pressure (bar)": "avg_pressure_bar",
    "Mean temperature (°C)": "avg_temperature_celsius",
    "Volume (m³ per window)": "volume_m3",
    "Readings received (% of those due)": "completeness_pct",
}


def known() -> pa.Table:
    """One row: the first and the last local day with a reading."""
    return ask("select min(local_date) as first_day, max(local_date) as last_day from data_quality_daily")


def zones() -> pa.Table:
    """One row per zone: its id and name."""
    return ask(
        "select district_id, max(district_name) as district_name from dim_nodes where district_id is not null "
        "group by district_id order by district_id limit 1000"
    )


def nodes(zone: str) -> pa.Table:
    """Nodes of a zone, or of the network: what they meter, their interval in minutes, and what was read of them."""
    return ask(
        "select node_id, node_name, node_type, balance_side, district_id, district_name, location_name, "
        "expected_interval_minutes, reading_count, is_listed, is_active, installation_date, last_maintenance_date, "
        "first_read_at, last_read_at from dim_nodes where $zone = 'network' or district_id = $zone "
        f"order by district_id, node_id limit {LINES + 1}",
        zone=zone,
    )


def windows(since: date, until: date, time_window: str, nodes: Sequence[str]) -> pa.Table:
    """One row per node and window that has a reading."""
    return ask(
        "select window_start, window_end, local_date, node_id, district_id, reading_count, expected_reading_count, "
        f"{', '.join(MEASURES.values())}, interpolated_count, out_of_range_count, reset_count, anomaly_count, "
        "covered_s, quality_score from computed_metrics where time_window = $time_window "
        "and local_date between $since and $until and node_id = any($nodes) "
        f"order by window_start, node_id limit {POINTS + 1}",
        since=since,
        until=until,
        time_window=time_window,
        nodes=list(nodes),
    )


def balance(since: date, until: date, zone: str, time_window: str) -> pa.Table:
    """One row per window in which a balance meter of the zone was read: input, output and loss, or why unknown."""
    return ask(
        "select window_start, window_end, local_date, input_m3, output_m3, loss_m3, efficiency_pct, unknown_reason, "
        "unknown_meters, meter_count, known_meter_count from network_efficiency where district_id = $zone "
        "and time_window = $time_window and local_date between $since and $until "
        f"order by window_start limit {POINTS + 1}",
        since=since,
        until=until,
        zone=zone,
        time_window=time_window,
    )


def losses(since: date, until: date) -> pa.Table:
    """One row per zone, and one for the network: m³ of the days whose loss is known, and how many those are."""
    return ask(
        "select scope, district_id, count(*) as days, count(loss_m3) as known_days, "
        "sum(case when loss_m3 is not null then input_m3 end) as input_m3, "
        "sum(case when loss_m3 is not null then output_m3 end) as output_m3, sum(loss_m3) as loss_m3 "
        "from network_efficiency where time_window = '1day' and local_date between $since and $until "
        "group by scope, district_id order by scope, district_id limit 1000",
        since=since,
        until=until,
    )


def nights(since: date, until: date, zone: str) -> pa.Table:
    """One row per zone and night: least hourly inflow, what is usual, and the rise."""
    return ask(
        "select local_date, district_id, minimum_flow_lps, usual_flow_lps, deviation_lps, rise_lps, unknown_reason, "
        "input_count, complete_input_count, earlier_night_count, hour_count, starts_at, ends_at from night_flow "
        "where ($zone = 'network' or district_id = $zone) and local_date between $since and $until "
        f"order by local_date, district_id limit {POINTS + 1}",
        since=since,
        until=until,
        zone=zone,
    )


_ANOMALIES = (
    "from anomalies where cast(starts_at as date) <= $until and cast(ends_at as date) >= $since "
    "and ($zone = 'network' or district_id = $zone) and ($all_kinds or anomaly_type = any($kinds)) "
    "and ($all_severities or severity = any($severities))"
)


def anomalies(since: date, until: date, zone: str, kinds: Sequence[str], severities: Sequence[str]) -> pa.Table:
    """Events that touch these days (UTC), the worst first, each with its evidence."""
    chosen: dict[str, Any] = {
        "since": since,
        "until": until,
        "zone": zone,
        "kinds": list(kinds),
        "severities": list(severities),
        "all_kinds": not kinds,
        "all_severities": not severities,
    }
    return ask(
        "select severity, anomaly_type, district_id, node_id, measurement_type, detection_method, actual_value, "
        f"expected_value, deviation_pct, reading_count, evidence, starts_at, ends_at, anomaly_key {_ANOMALIES} "
        "order by case severity when 'critical' then 0 when 'warning' then 1 else 2 end, starts_at desc, anomaly_key "
        f"limit {LINES + 1}",
        **chosen,
    )


def kinds() -> pa.Table:
    """Kinds of events that were found."""
    return ask("select anomaly_type from anomalies group by anomaly_type order by anomaly_type limit 100")


def quality(since: date, until: date, zone: str) -> pa.Table:
    """One row per node and local day, silent days too."""
    return ask(
        "select local_date, node_id, district_id, quality_band, quality_score, completeness_pct, reading_count, "
        "expected_reading_count, duplicate_count, restated_count, rejected_count, late_count, out_of_range_count, "
        "interpolated_count, reset_count from data_quality_daily "
        "where ($zone = 'network' or district_id = $zone) and local_date between $since and $until "
        f"order by local_date desc, node_id limit {POINTS + 1}",
        since=since,
        until=until,
        zone=zone,
    )
