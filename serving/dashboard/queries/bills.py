"""Billed money by month, town, service and charge, and the bill lines that do not add up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from serving.dashboard.reading import ask

CHARGES = {
    "basic_charge_cad": "basic charge",
    "primary_other_cad": "primary gas or energy",
    "supplemental_cad": "supplemental gas",
    "transportation_cad": "transportation",
    "distribution_cad": "distribution",
    "frp_refund_cad": "fixed-rate refund",
    "city_tax_cad": "city tax",
    "gst_on_city_tax_cad": "GST on city tax",
    "carbon_charge_cad": "carbon charge",
    "pst_cad": "provincial sales tax",
    "gst_cad": "GST",
    "adjustment_cad": "adjustment",
}
"""The twelve charges in CAD and their words."""
NO_TOWN = "without a town"
LINES = 1000
POINTS = 10_000

_TOWN = f"coalesce(town, '{NO_TOWN}')"
_SUMS = ", ".join(f"sum({name}) as {name}" for name in ("bills", "estimated_bills", "unread_bills", "amount_due_cad"))
_CHARGES = ", ".join(f"sum({name}) as {name}" for name in CHARGES)


def known() -> pa.Table:
    """One row: the first and the last month with bills, null where none is dated, and lines in all."""
    return ask("select min(month) as first_month, max(month) as last_month, sum(bills) as bills from monthly_billing")


def towns() -> pa.Table:
    """Towns that have bill lines."""
    return ask(f"select {_TOWN} as town from monthly_billing group by {_TOWN} order by town limit 5000")


def services() -> pa.Table:
    """Services that have bill lines."""
    return ask("select service_type from monthly_billing group by service_type order by service_type limit 100")


def _where(towns: Sequence[str], services: Sequence[str]) -> str:
    return (f" and {_TOWN} = any($towns)" if towns else "") + (" and service_type = any($services)" if services else "")


def _chosen(since: date, until: date, towns: Sequence[str], services: Sequence[str]) -> dict[str, Any]:
    return {"since": since, "until": until, "towns": list(towns), "services": list(services)}


def monthly(since: date, until: date, towns: Sequence[str] = (), services: Sequence[str] = ()) -> pa.Table:
    """One row per month and service: bill lines, how many were estimated or unread, CAD due and CAD by charge."""
    return ask(
        f"select month, service_type, {_SUMS}, {_CHARGES} from monthly_billing "
        f"where month between $since and $until{_where(towns, services)} "
        f"group by month, service_type order by month desc, service_type limit {POINTS + 1}",
        **_chosen(since, until, towns, services),
    )


def by_town(since: date, until: date, towns: Sequence[str] = (), services: Sequence[str] = ()) -> pa.Table:
    """One row per town and service of these months: bill lines and CAD due."""
    return ask(
        f"select {_TOWN} as town, service_type, {_SUMS} from monthly_billing "
        f"where month between $since and $until{_where(towns, services)} "
        f"group by {_TOWN}, service_type order by sum(abs(amount_due_cad)) desc, town, service_type limit {LINES + 1}",
        **_chosen(since, until, towns, services),
    )


def undated(towns: Sequence[str] = (), services: Sequence[str] = ()) -> pa.Table:
    """One row per bucket and service of the bill lines that have no month."""
    return ask(
        f"select period_bucket, service_type, {_SUMS}, {_CHARGES} from monthly_billing "
        f"where month is null{_where(towns, services)} "
        "group by period_bucket, service_type order by period_bucket, service_type limit 1000",
        towns=list(towns),
        services=list(services),
    )


# The end of service is the first day that is no longer billed: the first of a month ends the month before. A line
# without an end is shown with any months.
_LINES = "(service_to_date between $since and cast($until as date) + 1 or service_to_date is null)"


def balance(since: date, until: date, towns: Sequence[str] = (), services: Sequence[str] = ()) -> pa.Table:
    """One row per answer to whether a line's charges add up to its amount due: lines, CAD due and CAD at stake."""
    return ask(
        "select is_balanced, count(*) as bills, sum(amount_due_cad) as amount_due_cad, "
        f"sum(difference_cad) as difference_cad from fct_utility_bills where {_LINES}{_where(towns, services)} "
        "group by is_balanced order by is_balanced nulls last",
        **_chosen(since, until, towns, services),
    )


def unbalanced(since: date, until: date, towns: Sequence[str] = (), services: Sequence[str] = ()) -> pa.Table:
    """Bill lines whose charges do not add up to the amount due, most CAD at stake first."""
    return ask(
        f"select bill_id, {_TOWN} as town, service_type, rate_code, period_quality, charges_total_cad, amount_due_cad, "
        "difference_cad, is_estimated, service_from_date, service_to_date "
        f"from fct_utility_bills where is_balanced = false and {_LINES}{_where(towns, services)} "
        f"order by abs(difference_cad) desc, bill_id limit {LINES + 1}",
        **_chosen(since, until, towns, services),
    )
