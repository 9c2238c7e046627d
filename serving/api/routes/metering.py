"""Consumption by half-hour and day, and agreements."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from serving.api.answering import After, Asked, Day, FirstDay, LastDay, Limit, Since, Text, Until, listed, utc
from serving.api.door import Reader
from serving.api.errors import ApiError
from serving.api.listing import Listing

router = APIRouter(tags=["smart meters"])

HALF_HOURS = Listing("half_hourly_consumption", ("starts_at", "ends_at"))
DAYS = Listing("daily_product_consumption", ("local_date", "product_display_name"))
METER_DAYS = Listing("daily_meterpoint_consumption", ("local_date",))
METER_HALF_HOURS = Listing("fct_meter_readings", ("starts_at",))
AGREEMENTS = Listing("dim_agreements", ("agreement_key",))

Meterpoint = Annotated[Text, Path(description="Meter point.")]


@router.get("/consumption/half-hourly", **listed(HALF_HOURS))
def half_hourly(
    caller: Reader, asked: Asked, since: Since = None, until: Until = None, after: After = None, limit: Limit = 1000
) -> Response:
    """All meter points' consumption (kWh) by interval of UTC. A clock-change day has 46 or 50 half-hours; an interval
    that nobody delivered has no row."""
    filters = [
        ("starts_at >= $since", {"since": utc(since)}),
        ("starts_at < $until", {"until": utc(until)}),
    ]
    return asked.page(HALF_HOURS, filters, after, limit)


@router.get("/consumption/daily", **listed(DAYS))
def daily(
    caller: Reader,
    asked: Asked,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    product: Annotated[Text | None, Query(description="Only this product, by its display name.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Consumption (kWh) by local day and product; what no agreement covers stands under `unmapped`."""
    return asked.page(
        DAYS,
        [
            ("local_date >= $first_day", {"first_day": first_day}),
            ("local_date <= $last_day", {"last_day": last_day}),
            ("product_display_name = $product", {"product": product}),
        ],
        after,
        limit,
    )


@router.get("/consumption/meterpoints/{meterpoint_id}/daily", **listed(METER_DAYS))
def meter_days(
    caller: Reader,
    asked: Asked,
    meterpoint_id: Meterpoint,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """One meter point's consumption (kWh) by local day, with how many of the day's intervals were read."""
    _known(asked, meterpoint_id)
    return asked.page(
        METER_DAYS,
        [
            ("meterpoint_id = $meterpoint_id", {"meterpoint_id": meterpoint_id}),
            ("local_date >= $first_day", {"first_day": first_day}),
            ("local_date <= $last_day", {"last_day": last_day}),
        ],
        after,
        limit,
    )


@router.get("/consumption/meterpoints/{meterpoint_id}/half-hourly", **listed(METER_HALF_HOURS))
def meter_half_hours(
    caller: Reader,
    asked: Asked,
    meterpoint_id: Meterpoint,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """One meter point's readings (kWh) by interval of UTC."""
    _known(asked, meterpoint_id)
    return asked.page(
        METER_HALF_HOURS,
        [
            ("meterpoint_id = $meterpoint_id", {"meterpoint_id": meterpoint_id}),
            ("starts_at >= $since", {"since": utc(since)}),
            ("starts_at < $until", {"until": utc(until)}),
        ],
        after,
        limit,
    )


@router.get("/agreements", **listed(AGREEMENTS))
def agreements(
    caller: Reader,
    asked: Asked,
    reference_date: Annotated[
        Day | None, Query(description="Local day on which agreements are in force; default: that of the build.")
    ] = None,
    meterpoint_id: Annotated[Text | None, Query(description="Only this meter point.")] = None,
    product_id: Annotated[Text | None, Query(description="Only this product.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Agreements in force on a day: from `valid_from` to the day before `valid_to`."""
    day = reference_date
    if day is None:
        # No agreement may be in force on the build's day: then its own reference date is not to be read here.
        found = asked.rows("select max(reference_date) as day from active_agreements")
        day = found[0]["day"] or asked.house.published.publication().built_at.date()
    in_force = "is_matchable and valid_from <= $day and (valid_to is null or valid_to > $day)"
    return asked.page(
        AGREEMENTS,
        [
            (in_force, {"day": day}),
            ("meterpoint_id = $meterpoint_id", {"meterpoint_id": meterpoint_id}),
            ("product_id = $product_id", {"product_id": product_id}),
        ],
        after,
        limit,
        {"reference_date": day},
    )


def _known(asked: Asked, meterpoint_id: str) -> None:
    sql = "select meterpoint_id from dim_meterpoints where meterpoint_id = $meterpoint_id"
    if not asked.rows(sql, meterpoint_id=meterpoint_id):
        raise ApiError(404, "NO_SUCH_METERPOINT", "No delivery names that meter point.")
