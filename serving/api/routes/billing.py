"""Bills by month."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from serving.api.answering import After, Asked, Day, Limit, Text, listed
from serving.api.door import Reader
from serving.api.listing import Listing

router = APIRouter(tags=["bills"])

MONTHS = Listing("monthly_billing", ("month", "town", "service_type"))


@router.get("/bills/monthly", **listed(MONTHS))
def monthly(
    caller: Reader,
    asked: Asked,
    first_month: Annotated[Day | None, Query(description="Its first day; included. Leaves undated bills out.")] = None,
    last_month: Annotated[Day | None, Query(description="Its first day; included. Leaves undated bills out.")] = None,
    town: Annotated[Text | None, Query(description="Only this town.")] = None,
    service_type: Annotated[Text | None, Query(description="Only this service.")] = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response:
    """Bills by month, town and service: amounts (CAD), units billed, estimated ones. Undated ones come first."""
    return asked.page(
        MONTHS,
        [
            ("month >= $first_month", {"first_month": first_month}),
            ("month <= $last_month", {"last_month": last_month}),
            ("town = $town", {"town": town}),
            ("service_type = $service_type", {"service_type": service_type}),
        ],
        after,
        limit,
    )
