"""Weather by place and local day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from serving.api.answering import After, Asked, FirstDay, LastDay, Limit, Text, listed
from serving.api.door import Reader
from serving.api.listing import Listing

router = APIRouter(tags=["weather"])

DAYS = Listing("fct_weather_daily", ("local_date", "place"))


@router.get("/weather/daily", **listed(DAYS))
def daily(
    caller: Reader,
    asked: Asked,
    place: Annotated[Text | None, Query(description="Only this place.")] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Temperature, rain, snow, wind and degree days by place and local day, with how much of the day was observed."""
    return asked.page(
        DAYS,
        [
            ("place = $place", {"place": place}),
            ("local_date >= $first_day", {"first_day": first_day}),
            ("local_date <= $last_day", {"last_day": last_day}),
        ],
        after,
        limit,
    )
