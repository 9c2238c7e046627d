"""Metered kWh by half-hour and by day, what is missing of it, and the agreements behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from serving.dashboard.reading import ask

SERIES = 7
"""Groups that have a line of their own; the others are added up in one."""
POINTS = 10_000
DAYS = 14
"""Days of half-hours at most."""
OFFERED = 5000
"""Meter points that can be chosen from at once."""

# The words of daily_product_consumption for a day without an agreement, or whose product was not delivered.
_PRODUCT = "case when {0}.has_agreement then coalesce(p.display_name, 'unknown product') else 'unmapped' end"
_REGION = "coalesce(m.region, 'unknown region')"
BY = ("product", "region", "meter point", "total")


def known() -> pa.Table:
    """One row: the first and the last local day with a read."""
    return ask("select min(local_date) as first_day, max(local_date) as last_day from daily_product_consumption")


def products() -> pa.Table:
    """Names under which anything was consumed."""
    return ask(
        "select product_display_name as product from daily_product_consumption group by product_display_name "
        "order by product_display_name limit 5000"
    )


def regions() -> pa.Table:
    """Regions of meter points that have reads."""
    return ask(
        f"select {_REGION} as region, count(*) as meterpoints from dim_meterpoints as m where m.read_day_count > 0 "
        f"group by {_REGION} order by region limit 5000"
    )


def meterpoints(chosen: Sequence[str]) -> pa.Table:
    """Meter points that have reads, of the regions chosen or of all."""
    return ask(
        "select m.meterpoint_id from dim_meterpoints as m where m.read_day_count > 0 "
        f"and ($all_regions or {_REGION} = any($regions)) order by m.meterpoint_id "
        f"limit {OFFERED + 1}",
        all_regions=not chosen,
        regions=list(chosen),
    )


def _of_meters(fact: str, columns: str, meters: Sequence[str], regions: Sequence[str]) -> str:
    """Rows of `fact` of some local days with their product and region; conditions only for what was chosen."""
    chosen = (" and f.meterpoint_id = any($meters)" if meters else "") + (
        f" and {_REGION} = any($regions)" if regions else ""
    )
    return (
        f"select f.local_date, f.meterpoint_id, {_PRODUCT.format('f')} as product, {_REGION} as region, {columns} "
        f"from {fact} as f left join dim_products as p on p.product_id = f.product_id "
        "left join dim_meterpoints as m on m.meterpoint_id = f.meterpoint_id "
        f"where f.local_date between $since and $until{chosen}"
    )


_COUNTS = ("reading_count", "interval_count", "expected_interval_count", "negative_reading_count")


def daily(
    since: date,
    until: date,
    by: str = "total",
    products: Sequence[str] = (),
    regions: Sequence[str] = (),
    meters: Sequence[str] = (),
) -> pa.Table:
    """One row per local day and group that has a read: kWh, meter points, half-hours delivered and due.

    The SERIES greatest groups of the period have a `series` of their own, `place` from 1; others are one."""
    if meters or regions or by in ("region", "meter point"):
        source = _of_meters(
            "daily_meterpoint_consumption",
            "f.consumption_kwh, 1 as meterpoint_count, case when f.is_complete then 1 else 0 end as "
            "complete_meterpoint_count, " + ", ".join(f"f.{name}" for name in _COUNTS),
            meters,
            regions,
        )
    else:
        source = (
            "select local_date, product_display_name as product, consumption_kwh, meterpoint_count, "
            f"complete_meterpoint_count, {', '.join(_COUNTS)} from daily_product_consumption "
            "where local_date between $since and $until"
        )
    group = {
        "product": "product",
        "region": "region",
        "meter point": "meterpoint_id",
        "total": "cast('all chosen' as varchar)",
    }[by]
    condition = "where product = any($products)" if products else ""
    return ask(
        f"with days as ({source}), chosen as (select days.*, {group} as name from days {condition}), "
        "totals as (select name, sum(consumption_kwh) as kwh from chosen group by name), "
        "ranked as (select name, row_number() over (order by kwh desc, name) as place from totals), "
        f"named as (select chosen.*, case when ranked.place <= {SERIES} then ranked.name else 'all others' end "
        f"as series, case when ranked.place <= {SERIES} then ranked.place else {SERIES + 1} end as place "
        "from chosen inner join ranked on ranked.name = chosen.name) "
        "select local_date, series, place, sum(consumption_kwh) as consumption_kwh, "
        "sum(case when product = 'unmapped' then consumption_kwh else 0 end) as unmapped_kwh, "
        "sum(meterpoint_count) as meterpoints, sum(complete_meterpoint_count) as complete_meterpoints, "
        + ", ".join(f"sum({name}) as {name}" for name in _COUNTS)
        + " from named group by local_date, series, place order by local_date desc, place "
        f"limit {POINTS + 1}",
        since=since,
        until=until,
        products=list(products),
        regions=list(regions),
        meters=list(meters),
    )


def local_days(since: date, until: date) -> pa.Table:
    """One row per local day that has a half-hour: its first instant (UTC) and how many half-hours it has."""
    return ask(
        "with due as (select local_date, max(expected_interval_count) as half_hours from daily_meterpoint_consumption "
        "where local_date between $since and $until group by local_date) "
        "select h.local_date, min(h.starts_at - (h.interval_number - 1) * interval '30 minutes') as starts_at, "
        "max(due.half_hours) as half_hours, count(*) as delivered_half_hours from half_hourly_consumption as h "
        "inner join due on due.local_date = h.local_date where h.is_on_grid and h.local_date between $since and $until "
        "group by h.local_date order by h.local_date",
        since=since,
        until=until,
    )


def half_hourly(
    since: date,
    until: date,
    products: Sequence[str] = (),
    meters: Sequence[str] = (),
    regions: Sequence[str] = (),
) -> pa.Table:
    """One row per half-hour of the calendar that was delivered and meter point, product, or all together.

    Regions narrow meter points and products; all together are those of all regions."""
    chosen: dict[str, Any] = {
        "since": since,
        "until": until,
        "products": list(products),
        "meters": list(meters),
        "regions": list(regions),
    }
    if not (meters or products):
        return ask(
            "select starts_at, local_date, interval_number, 'all meter points' as series, consumption_kwh, "
            "meterpoint_count as meterpoints from half_hourly_consumption "
            f"where is_on_grid and local_date between $since and $until order by starts_at limit {POINTS + 1}",
            **chosen,
        )
    source = _of_meters(
        "fct_meter_readings", "f.starts_at, f.interval_number, f.is_on_grid, f.consumption_kwh", meters, regions
    )
    condition = " and product = any($products)" if products else ""
    group = "meterpoint_id" if meters else "product"
    return ask(
        f"with reads as ({source}) select starts_at, local_date, interval_number, {group} as series, "
        "sum(consumption_kwh) as consumption_kwh, count(*) as meterpoints from reads "
        f"where is_on_grid{condition} group by starts_at, local_date, interval_number, {group} "
        f"order by starts_at, series limit {POINTS + 1}",
        **chosen,
    )


def off_grid(since: date, until: date) -> pa.Table:
    """One row: intervals that are no half-hour of the calendar, and their kWh."""
    return ask(
        "select count(*) as intervals, coalesce(sum(consumption_kwh), 0) as consumption_kwh "
        "from half_hourly_consumption where not is_on_grid and local_date between $since and $until",
        since=since,
        until=until,
    )


def gaps(since: date, until: date, regions: Sequence[str] = (), meters: Sequence[str] = ()) -> pa.Table:
    """Unbroken runs of half-hours without a read that touch the days, the longest first."""
    return ask(
        "select g.meterpoint_id, m.region, g.missing_interval_count, g.first_local_date, g.last_local_date, "
        "g.starts_at, g.ends_at from interval_gaps as g "
        "left join dim_meterpoints as m on m.meterpoint_id = g.meterpoint_id "
        "where g.first_local_date <= $until and g.last_local_date >= $since "
        f"and ($all_regions or {_REGION} = any($regions)) and ($all_meters or g.meterpoint_id = any($meters)) "
        "order by g.missing_interval_count desc, g.starts_at, g.meterpoint_id limit 1001",
        since=since,
        until=until,
        regions=list(regions),
        meters=list(meters),
        all_regions=not regions,
        all_meters=not meters,
    )


def reference() -> pa.Table:
    """One row: the day the build was asked about, and the days on which agreements start or end."""
    return ask(
        "select (select max(reference_date) from active_agreements) as reference_date, "
        "min(valid_from) as first_day, max(case when valid_to > valid_from then valid_to else valid_from end) "
        "as last_day from dim_agreements where is_matchable"
    )


# Out of dim_agreements: active_agreements knows one day only.
_IN_FORCE = "is_matchable and valid_from <= $day and (valid_to is null or valid_to > $day)"


def agreements(on: date) -> pa.Table:
    """One row per product name with agreements in force on that day."""
    return ask(
        "select coalesce(product_display_name, 'unknown product') as product, count(*) as agreements, "
        "count(distinct meterpoint_id) as meterpoints from dim_agreements "
        f"where {_IN_FORCE} group by coalesce(product_display_name, 'unknown product') "
        "order by agreements desc, product limit 1001",
        day=on,
    )


def activations(until: date) -> pa.Table:
    """One row per month, up to that day included: agreements that started and that ended."""
    return ask(
        "with changes as (select cast(date_trunc('month', valid_from) as date) as month, 1 as started, 0 as ended "
        "from dim_agreements where is_matchable and valid_from <= $day union all "
        "select cast(date_trunc('month', valid_to) as date) as month, 0 as started, 1 as ended "
        "from dim_agreements where is_matchable and valid_to <= $day) "
        "select month, sum(started) as started, sum(ended) as ended from changes group by month "
        "order by month desc limit 600",
        day=until,
    )
