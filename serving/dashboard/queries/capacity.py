"""Pipeline capacity per gas day: what is scheduled of it, where it is short, and how cycles revised it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from serving.dashboard.reading import ask

POINTS = 10_000
ROWS = 25
"""Locations that are drawn, the fullest first."""
LINES = 1000


def known() -> pa.Table:
    """One row per asset: its first and last gas day."""
    return ask(
        "select asset, min(gas_day) as first_day, max(gas_day) as last_day from capacity_best_available "
        "group by asset order by asset limit 1000"
    )


def locations(assets: Sequence[str]) -> pa.Table:
    """One row per location and flow direction with its name in the last version."""
    return ask(
        "with newest as (select location_key, max(version_number) as version_number from dim_locations "
        "where asset = any($assets) group by location_key) "
        "select d.location_key, d.asset, d.loc, d.flow_direction, d.location_name, d.zone from dim_locations as d "
        "inner join newest on newest.location_key = d.location_key and newest.version_number = d.version_number "
        "order by d.location_name, d.asset, d.loc, d.flow_direction limit 5000",
        assets=list(assets),
    )


def _where(locations: Sequence[str], directions: Sequence[str]) -> str:
    return (
        "gas_day between $since and $until and asset = any($assets)"
        + (" and location_key = any($locations)" if locations else "")
        + (" and flow_direction = any($directions)" if directions else "")
    )


def _chosen(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str], directions: Sequence[str]
) -> dict[str, Any]:
    return {
        "since": since,
        "until": until,
        "assets": list(assets),
        "locations": list(locations),
        "directions": list(directions),
    }


def directions() -> pa.Table:
    """Flow directions that are posted."""
    return ask("select flow_direction from dim_locations group by flow_direction order by flow_direction limit 100")


def by_day(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str] = (), directions: Sequence[str] = ()
) -> pa.Table:
    """One row per asset, flow direction and gas day, of the best cycle: dth scheduled, operating and available over
    its locations, with the locations whose quantity is known. Receipts and deliveries are no sum of each other."""
    return ask(
        "select gas_day, asset, flow_direction, sum(scheduled_quantity_dth) as scheduled_quantity_dth, "
        "sum(operating_capacity_dth) as operating_capacity_dth, sum(available_capacity_dth) as available_capacity_dth, "
        "count(*) as locations, count(scheduled_quantity_dth) as known_locations from capacity_best_available "
        f"where {_where(locations, directions)} group by gas_day, asset, flow_direction "
        f"order by gas_day desc, asset, flow_direction limit {POINTS + 1}",
        **_chosen(since, until, assets, locations, directions),
    )


def utilisation(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str] = (), directions: Sequence[str] = ()
) -> pa.Table:
    """One row per location and gas day, of the best cycle; the ROWS locations that were fullest on any day."""
    return ask(
        "with days as (select gas_day, location_key, asset, loc, flow_direction, location_name, cycle_name, "
        "utilisation_ratio, scheduled_quantity_dth, operating_capacity_dth, available_capacity_dth, is_constrained "
        f"from capacity_utilisation where is_best_available and {_where(locations, directions)}), "
        "fullest as (select location_key, row_number() over (order by max(utilisation_ratio) desc nulls last, "
        "location_key) as place from days group by location_key) "
        "select days.*, fullest.place from days inner join fullest on fullest.location_key = days.location_key "
        f"where fullest.place <= {ROWS} order by fullest.place, days.gas_day limit {POINTS + 1}",
        **_chosen(since, until, assets, locations, directions),
    )


def constrained(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str] = (), directions: Sequence[str] = ()
) -> pa.Table:
    """Locations and gas days that the best cycle shows as constrained, newest first."""
    return ask(
        "select gas_day, asset, location_name, loc, flow_direction, zone, cycle_name, operating_capacity_dth, "
        "scheduled_quantity_dth, available_capacity_dth, utilisation_ratio from capacity_utilisation "
        f"where is_constrained and is_best_available and {_where(locations, directions)} "
        f"order by gas_day desc, utilisation_ratio desc nulls last, asset, loc, flow_direction limit {LINES + 1}",
        **_chosen(since, until, assets, locations, directions),
    )


def counts(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str] = (), directions: Sequence[str] = ()
) -> pa.Table:
    """One row: location days of the best cycle, those constrained, and those that cannot be told."""
    return ask(
        "select count(*) as location_days, count(case when is_constrained then 1 end) as constrained, "
        "count(case when is_constrained is null then 1 end) as unknown from capacity_utilisation "
        f"where is_best_available and {_where(locations, directions)}",
        **_chosen(since, until, assets, locations, directions),
    )


def best_cycles(since: date, until: date, assets: Sequence[str]) -> pa.Table:
    """One row per asset, gas day and cycle that is the best one posted for any of its locations."""
    return ask(
        "select gas_day, asset, cycle_name, count(*) as locations, "
        "count(case when is_posted then 1 end) as posted_locations, count(scheduled_quantity_dth) as known_locations, "
        "sum(scheduled_quantity_dth) as scheduled_quantity_dth, sum(available_capacity_dth) as available_capacity_dth "
        f"from capacity_best_available where {_where((), ())} group by gas_day, asset, cycle_name "
        f"order by gas_day desc, asset, locations desc, cycle_name limit {LINES + 1}",
        **_chosen(since, until, assets, (), ()),
    )


def steps(
    since: date, until: date, assets: Sequence[str], locations: Sequence[str] = (), directions: Sequence[str] = ()
) -> pa.Table:
    """One row per asset, gas day and step from posting to posting: locations revised, dth up, down and both."""
    return ask(
        "select gas_day, asset, step_number, cycle_id, cycle_name, posting_number, is_repost, "
        "count(case when change = 'changed' then 1 end) as revised_locations, "
        "count(case when change in ('unknown', 'appeared', 'disappeared') then 1 end) as unknown_locations, "
        "sum(case when scheduled_change_dth > 0 then scheduled_change_dth else 0 end) as increase_dth, "
        "sum(case when scheduled_change_dth < 0 then -scheduled_change_dth else 0 end) as decrease_dth, "
        "sum(scheduled_change_dth) as scheduled_change_dth from capacity_revisions "
        f"where change <> 'first' and {_where(locations, directions)} "
        "group by gas_day, asset, step_number, cycle_id, cycle_name, posting_number, is_repost "
        f"order by gas_day desc, asset, step_number limit {POINTS + 1}",
        **_chosen(since, until, assets, locations, directions),
    )


def revisions(day: date, assets: Sequence[str], locations: Sequence[str], directions: Sequence[str]) -> pa.Table:
    """Locations whose scheduled quantity a step of one gas day changed, the greatest change first."""
    return ask(
        "select asset, step_number, cycle_name, location_name, loc, flow_direction, change, "
        "previous_scheduled_quantity_dth, scheduled_quantity_dth, scheduled_change_dth, is_repost, downloaded_at "
        f"from capacity_revisions where change not in ('first', 'unchanged') and {_where(locations, directions)} "
        "order by abs(scheduled_change_dth) desc nulls last, asset, loc, flow_direction, step_number "
        f"limit {LINES + 1}",
        **_chosen(day, day, assets, locations, directions),
    )
