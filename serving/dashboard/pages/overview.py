"""Overview: within seconds, what is fresh, what is late, what is wrong, and how totals changed."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from serving.dashboard import headers, shown
from serving.dashboard.frame import page
from serving.dashboard.queries import overview


def _totals() -> None:
    *daily, billed = st.columns(len(overview.SYSTEMS) + 1)
    for place, system in zip(daily, overview.SYSTEMS, strict=True):
        (row,) = overview.periods(system).to_pylist()
        total, before = row["total"], row["total_before"]
        if total is None:
            place.metric(system, "no data", border=True)
            continue
        # Periods with another number of known days are no comparison: the change would be that of the gaps.
        is_comparable = bool(before) and row["days"] == row["days_before"]
        delta = f"{(total - before) / abs(before):+.1%}" if is_comparable else "no comparison"
        place.metric(
            system,
            f"{total:,.0f}",
            delta,
            delta_color="off",
            delta_arrow="auto" if is_comparable else "off",
            border=True,
        )
        place.caption(
            f"{overview.DAYS} days to {row['last_day']:%d %b %Y}: {row['days']} with data, {row['days_before']} before"
        )
    _billed(billed)


def _billed(place: DeltaGenerator) -> None:
    months = overview.billed_months().to_pylist()
    if not months:
        place.metric("CAD billed", "no data", border=True)
        return
    newest, *earlier = months
    amount = newest["amount_due_cad"]
    place.metric(
        "CAD billed",
        "no data" if amount is None else f"{amount:,.0f}",
        f"{newest['month']:%B %Y} so far",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    place.caption(
        f"{newest['bills']:,} bill lines. "
        + "; ".join(
            f"{row['month']:%b %Y}: "
            + ("no data" if row["amount_due_cad"] is None else f"{row['amount_due_cad']:,.0f} CAD")
            + f", {row['bills']:,} lines"
            for row in earlier
        )
    )


def _state() -> None:
    tables = [row for row in overview.freshness().to_pylist() if row["status"] != "not in use"]
    late = [row for row in tables if row["status"] in ("late", "stale", "never landed")]
    (found,) = overview.findings().to_pylist()
    if late:
        names = ", ".join(f"{row['source']}.{row['table_name']} ({row['status']})" for row in late)
        st.warning(f"Not fresh when this was built: {names}", icon=":material/schedule:")
    elif tables:
        st.success(f"All {len(tables)} tables in use were fresh when this was built.", icon=":material/check:")
    wrong = [
        f"{count:,} {words}"
        for count, words in (
            (found["unbalanced"], "balances with something unexplained"),
            (found["parse_failures"], "values that could not be parsed"),
            (found["drifts"], "columns not as declared"),
            (found["landing_problems"], "problems while landing"),
            (found["critical_anomalies"], f"critical anomalies of {found['anomalies']:,}"),
            (found["gaps"], f"gaps in meter reads, {found['missing_half_hours']:,} half-hours"),
        )
        if count
    ]
    if wrong:
        st.warning("To look at: " + "; ".join(wrong) + ".", icon=":material/search:")
    if found["balances"] and not found["unbalanced"]:
        st.success(f"{found['balances']:,} balances, nothing unexplained.", icon=":material/check:")


def _draw() -> None:
    _state()
    st.subheader("Newest period against the one before")
    _totals()
    left, right = st.columns(2)
    with left:
        st.subheader("Freshness")
        shown.rows(
            overview.freshness(),
            {
                "source": "Source",
                "table_name": "Raw table",
                "status": "State",
                "last_landed_at": headers.instant("Last landed"),
                "age_h": headers.number("Age (h)", 1),
                "late_after_h": headers.number("Late after (h)"),
            },
            "No table is expected to be fresh.",
        )
    with right:
        st.subheader("Last landings")
        shown.rows(
            overview.landings(),
            {
                "source": "Source",
                "status": "Status",
                "finished_at": headers.instant("Finished"),
                "rows_landed": headers.number("Rows"),
                "files_rejected": headers.number("Files rejected"),
                "problems": headers.number("Problems"),
                "duration_s": headers.number("Took (s)", 1),
            },
            "Nothing has landed yet.",
        )


page("Overview", _draw)
