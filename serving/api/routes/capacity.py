"""Operational capacity of gas pipelines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from serving.api.answering import After, Asked, Day, Limit, Text, listed
from serving.api.door import Reader
from serving.api.listing import Listing

router = APIRouter(tags=["gas capacity"])

KEYS = ("gas_day", "asset", "location_key", "flow_direction")
BEST = Listing("capacity_best_available", KEYS)
POSTED = Listing("fct_operational_capacity", (*KEYS[:2], "cycle_id", *KEYS[2:]))

Asset = Annotated[Text | None, Query(description="Pipeline by its short name, such as TW.")]
GasDay = Annotated[Day | None, Query(description="Gas day (Central Time, from 9:00).")]


@router.get("/capacity", **listed(POSTED))
def capacity(
    caller: Reader,
    asked: Asked,
    asset: Asset = None,
    gas_day: GasDay = None,
    cycle: Annotated[Text | None, Query(description="Nomination cycle by its id, as rows have it.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Capacity (dth) by gas day, cycle and location: the latest posting of each cycle."""
    return asked.page(
        POSTED,
        [
            ("asset = $asset", {"asset": asset}),
            ("gas_day = $gas_day", {"gas_day": gas_day}),
            ("cycle_id = $cycle", {"cycle": cycle}),
        ],
        after,
        limit,
    )


@router.get("/capacity/best-available", **listed(BEST))
def best_available(
    caller: Reader, asked: Asked, asset: Asset = None, gas_day: GasDay = None, after: After = None, limit: Limit = 1000
) -> Response:
    """Capacity (dth) by gas day and location, of the last cycle that was posted."""
    return asked.page(
        BEST, [("asset = $asset", {"asset": asset}), ("gas_day = $gas_day", {"gas_day": gas_day})], after, limit
    )
