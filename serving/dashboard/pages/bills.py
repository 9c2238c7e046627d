"""Bills: what was billed by month, town, service and charge, and what does not add up."""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from serving.dashboard import charts, downloads, filters, headers
from serving.dashboard.frame import page
from serving.dashboard.queries import bills

NAMED_CHARGES = 7
_MONEY = {"bills": headers.number("Bill lines"), "amount_due_cad": headers.number("Amount due (CAD)", 2)}
_READS = {
    "estimated_bills": headers.number("Estimated (lines)"),
    "unread_bills": headers.number("Read type unknown (lines)"),
}
_CHARGE_COLUMNS = {
    name: headers.number(f"{words[0].upper()}{words[1:]} (CAD)", 2) for name, words in bills.CHARGES.items()
}


def _month_end(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _figures(dated: pd.DataFrame, rest: pd.DataFrame) -> None:
    lines = dated["bills"].sum()
    one, two, three = st.columns(3)
    four, five, *_ = st.columns(3)
    one.metric("CAD due, dated lines", f"{dated['amount_due_cad'].sum():,.2f}", border=True)
    two.metric("CAD due, no month", f"{rest['amount_due_cad'].sum():,.2f}", border=True)
    three.metric("Bill lines, dated", f"{lines:,}", border=True)
    four.metric(
        "% of lines estimated", f"{dated['estimated_bills'].sum() / lines:.1%}" if lines else "no data", border=True
    )
    five.metric(
        "% read type unknown", f"{dated['unread_bills'].sum() / lines:.1%}" if lines else "no data", border=True
    )
    st.caption(
        "A line's money is spread over the months of its service days; the line itself counts in the month of its last "
        f"day. {rest['bills'].sum():,} lines without a usable period stand in no month and are listed below."
    )


def _month_axis() -> alt.X:
    return alt.X("utcyearmonth(month):T", title="Month", axis=alt.Axis(format="%b %y"))


_MONTH = alt.Tooltip("utcyearmonth(month):T", title="Month", format="%b %Y")


def _by_service(rows: pd.DataFrame) -> None:
    names = sorted(rows["service_type"].unique())
    bars = (
        alt.Chart(rows, title="Amount due per month by service (CAD)")
        .mark_bar()
        .encode(
            x=_month_axis(),
            y=alt.Y("amount_due_cad:Q", title="Amount due (CAD per month)"),
            color=alt.Color("service_type:N", title="Service", scale=charts.colours(names), sort=names),
            tooltip=[
                _MONTH,
                alt.Tooltip("service_type:N", title="Service"),
                alt.Tooltip("amount_due_cad:Q", title="CAD due", format=",.2f"),
                alt.Tooltip("bills:Q", title="Bill lines"),
            ],
        )
        .properties(height=350)
    )
    charts.show(bars, "Amount due in CAD per month, stacked by service; a month without bills has no bar.")


def _by_charge(rows: pd.DataFrame) -> None:
    long = rows.melt("month", list(bills.CHARGES), "charge", "cad").dropna(subset=["cad"])
    if long.empty:
        st.info("No bill line of these months states a charge.", icon=":material/inbox:")
        return
    long["charge"] = long["charge"].map(bills.CHARGES)
    by_size = long.assign(size=long["cad"].abs()).groupby("charge")["size"].sum().sort_values(ascending=False)
    named = list(by_size.index[:NAMED_CHARGES])
    long["charge"] = long["charge"].where(long["charge"].isin(named), charts.OTHERS)
    drawn = long.groupby(["month", "charge"], as_index=False)["cad"].sum()
    names = [*named, *([charts.OTHERS] if len(by_size) > NAMED_CHARGES else [])]
    bars = (
        alt.Chart(drawn, title="Charges per month by kind (CAD)")
        .mark_bar()
        .encode(
            x=_month_axis(),
            y=alt.Y("cad:Q", title="Charges (CAD per month)"),
            color=alt.Color("charge:N", title="Charge", scale=charts.colours(names), sort=names),
            tooltip=[
                _MONTH,
                alt.Tooltip("charge:N", title="Charge"),
                alt.Tooltip("cad:Q", title="CAD", format=",.2f"),
            ],
        )
        .properties(height=350)
    )
    charts.show(
        bars,
        f"Charges in CAD per month, stacked: the {NAMED_CHARGES} greatest kinds by name, the others added up. Refunds "
        "and corrections lie below zero.",
    )


def _by_town(since: date, until: date, towns: list[str], services: list[str]) -> None:
    rows = charts.frame(bills.by_town(since, until, towns, services))
    greatest = list(rows.groupby("town")["amount_due_cad"].sum().sort_values(ascending=False).index[:20])
    names = sorted(rows["service_type"].unique())
    bars = (
        alt.Chart(rows[rows["town"].isin(greatest)], title="Amount due by town and service (CAD)")
        .mark_bar()
        .encode(
            x=alt.X("amount_due_cad:Q", title="Amount due (CAD)"),
            y=alt.Y("town:N", title="Town", sort=greatest),
            color=alt.Color("service_type:N", title="Service", scale=charts.colours(names), sort=names),
            tooltip=[
                "town:N",
                alt.Tooltip("service_type:N", title="Service"),
                alt.Tooltip("amount_due_cad:Q", title="CAD due", format=",.2f"),
                alt.Tooltip("bills:Q", title="Bill lines"),
            ],
        )
    )
    charts.show(bars, "Amount due in CAD of all months chosen per town, stacked by service; at most 20 towns.")


def _reads(rows: pd.DataFrame) -> None:
    months = rows.groupby("month", as_index=False)[["bills", "estimated_bills", "unread_bills"]].sum()
    months["read or told"] = months["bills"] - months["estimated_bills"] - months["unread_bills"]
    words = {"estimated_bills": "estimated", "unread_bills": "unknown", "read or told": "read or told by the customer"}
    long = months.rename(columns=words).melt("month", list(words.values()), "read", "lines")
    names = ["read or told by the customer", "estimated", "unknown"]
    bars = (
        alt.Chart(long, title="Bill lines per month by how they were read (number)")
        .mark_bar()
        .encode(
            x=_month_axis(),
            y=alt.Y("lines:Q", title="Bill lines (number per month)"),
            color=alt.Color("read:N", title="Reading", scale=charts.colours(names), sort=names),
            tooltip=[_MONTH, alt.Tooltip("read:N", title="Reading"), alt.Tooltip("lines:Q", title="Bill lines")],
        )
    )
    charts.show(bars, "Bill lines per month: read, estimated, or with a read code that does not tell.")


def _no_month(towns: list[str], services: list[str]) -> None:
    st.subheader("Lines without a month")
    downloads.table(
        bills.undated(towns, services),
        "bills_without_month",
        {
            "period_bucket": headers.text("Why there is no month"),
            "service_type": headers.text("Service"),
            **_MONEY,
            **_READS,
            **_CHARGE_COLUMNS,
        },
        "Every bill line of what is chosen has a month.",
    )


def _unbalanced(since: date, until: date, towns: list[str], services: list[str]) -> None:
    st.subheader("Lines that do not add up")
    answers = {row["is_balanced"]: row for row in bills.balance(since, until, towns, services).to_pylist()}
    wrong, unknown = answers.get(False), answers.get(None)
    one, two, three = st.columns(3)
    one.metric("Lines that do not add up", f"{wrong['bills'] if wrong else 0:,}", border=True)
    two.metric("CAD at stake", f"{wrong['difference_cad'] if wrong else 0:,.2f}", border=True)
    three.metric(
        "CAD due, no charges stated",
        f"{unknown['amount_due_cad'] or 0:,.2f}" if unknown else "0.00",
        border=True,
    )
    st.caption(
        "Charges of a line set against its amount due; at stake is charges less amount due. An invoice of many lines "
        f"carries its total on one of them: {unknown['bills'] if unknown else 0:,} lines lack the charges or the "
        "amount due, and may balance the others. Lines whose service ended in these months, and those without an end."
    )
    downloads.table(
        bills.unbalanced(since, until, towns, services),
        "bills_that_do_not_add_up",
        {
            "bill_id": headers.text("Bill line"),
            "town": headers.text("Town"),
            "service_type": headers.text("Service"),
            "rate_code": headers.text("Rate"),
            "period_quality": headers.text("Period"),
            "charges_total_cad": headers.number("Charges (CAD)", 2),
            "amount_due_cad": headers.number("Amount due (CAD)", 2),
            "difference_cad": headers.number("At stake (CAD)", 2),
            "is_estimated": st.column_config.CheckboxColumn("Estimated"),
            "service_from_date": headers.day("First day of service"),
            "service_to_date": headers.day("End of service"),
        },
        "The charges of every line of what is chosen add up to its amount due.",
        bills.LINES,
    )


def _draw() -> None:
    (known,) = bills.known().to_pylist()
    if not known["bills"]:
        st.info("No bills are published: the source winnipeg_billing has not landed any.", icon=":material/inbox:")
        return
    with st.sidebar:
        towns = filters.several("Towns", "bills_towns", bills.towns()["town"].to_pylist())
        services = filters.several("Services", "bills_services", bills.services()["service_type"].to_pylist())
        since = until = date(1, 1, 1)
        if known["first_month"] is not None:
            chosen = filters.days("Months", "bills_months", known["first_month"], _month_end(known["last_month"]))
            since, until = chosen[0].replace(day=1), _month_end(chosen[1])
    table = bills.monthly(since, until, towns, services)
    rows = charts.frame(table.slice(0, bills.POINTS))
    _figures(rows, charts.frame(bills.undated(towns, services)))
    st.subheader("Months")
    if rows.empty:
        st.info("No dated bill line in these months for what is chosen.", icon=":material/inbox:")
    else:
        _by_service(rows)
        _by_charge(rows)
        _reads(rows)
        _by_town(since, until, towns, services)
        downloads.table(
            table,
            "monthly_bills",
            {
                "month": headers.month("Month"),
                "service_type": headers.text("Service"),
                **_MONEY,
                **_READS,
                **_CHARGE_COLUMNS,
            },
            "No bill.",
            bills.POINTS,
        )
    _no_month(towns, services)
    _unbalanced(since, until, towns, services)


page("Bills", _draw)
