"""Quality: what was lost, late, changed or unexplained on the way, and how complete the readings are."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import streamlit as st

from serving.dashboard import headers, shown
from serving.dashboard.frame import page
from serving.dashboard.queries import quality

COLOURS = {
    "ok": "#2f855a", "unchanged": "#718096", "partial": "#dd8a1a", "failed": "#c53030", "busy": "#805ad5",
    "abandoned": "#975a16", "running": "#3182ce",
}  # fmt: skip
DRAWN = 25
MEASURES = {"completeness_pct": "Completeness (%)", "quality_score": "Quality score (0 to 1)"}


def _more(table: pa.Table) -> None:
    if table.num_rows == quality.MOST:
        st.caption(f"The first {quality.MOST:,}; the page SQL shows the rest.")


def _counts(source: str | None) -> None:
    (found,) = quality.counts(source).to_pylist()
    for place, (label, value, note) in zip(
        st.columns(5),
        (
            ("Balances unexplained", found["unbalanced"], f"of {found['balances']:,}"),
            ("Texts not parsed", found["parse_failures"], "null in staging, kept below"),
            ("Columns not as declared", found["drifts"], "in the latest load"),
            ("Problems while landing", found["landing_problems"], "files or rows that did not land"),
            ("Half-hours missing", found["missing_half_hours"], f"in {found['gaps']:,} gaps of meter points"),
        ),
        strict=True,
    ):
        place.metric(label, f"{value:,}", border=True)
        place.caption(note)


def _balances(source: str | None) -> None:
    st.subheader("What went in, and what became of it", anchor="conservation")
    st.caption(
        "A row per source, hop and measure. In is kept, superseded, rejected, unmapped and unexplained together."
    )
    shown.rows(
        quality.conservation(source),
        {
            "source": "Source",
            "hop": headers.text("From where to where"),
            "measure": "Measure (unit)",
            "unexplained": headers.number("Unexplained"),
            "amount_in": headers.number("In"),
            "kept": headers.number("Kept"),
            "superseded": headers.number("Superseded"),
            "rejected": headers.number("Rejected"),
            "unmapped": headers.number("Unmapped"),
        },
        "Nothing is balanced yet.",
    )


def _freshness(source: str | None) -> None:
    st.subheader("Freshness", anchor="freshness")
    table = quality.freshness(source)
    judged = max((at for at in table.column("judged_at").to_pylist() if at), default=None)
    if judged:
        st.caption(f"As of the build, {judged:%Y-%m-%d %H:%M} UTC.")
    shown.rows(
        table,
        {
            "source": "Source",
            "table_name": "Raw table",
            "status": "State",
            "last_landed_at": headers.instant("Last landed"),
            "age_h": headers.number("Age (h)", 1),
            "late_after_h": headers.number("Late after (h)"),
            "stale_after_h": headers.number("Stale after (h)"),
        },
        "No table is expected to be fresh.",
    )


def _parse_failures(source: str | None) -> None:
    st.subheader("Texts that could not be parsed", anchor="parse-failures")
    by_column = quality.parse_failures_by_column(source)
    named = {"source": "Source", "table_name": "Raw table", "column_name": "Column"}
    shown.rows(by_column, {**named, "texts": headers.number("Texts")}, "Every text was understood.")
    if by_column.num_rows:
        table = quality.parse_failures(source)
        with st.expander("Each text, and where it stands", icon=":material/list:"):
            shown.rows(
                table,
                {
                    **named,
                    "original_text": headers.text("Text as sent"),
                    "uri": headers.text("File", is_wide=True),
                    "_source_row": headers.number("Row in the file"),
                },
                "",
            )
            _more(table)


def _drift(source: str | None) -> None:
    st.subheader("Columns not as declared", anchor="schema-drift")
    shown.rows(
        quality.drift(source),
        {
            "source": "Source",
            "table_name": "Raw table",
            "column_name": "Column",
            "kind": "What it is",
            "declared_as": "Declared as",
            "is_current": st.column_config.CheckboxColumn("In the latest load"),
            "files": headers.number("Files"),
            "first_landed_at": headers.instant("First seen"),
            "last_landed_at": headers.instant("Last seen"),
            "example_uri": headers.text("For example", is_wide=True),
        },
        "Every delivery had the columns that are declared.",
    )


def _gaps() -> None:
    st.subheader("Half-hours without a reading", anchor="gaps")
    table = quality.gaps()
    if table.num_rows:
        import altair as alt
        import pyarrow.compute as pc

        first = table.column("meterpoint_id").unique().slice(0, DRAWN)
        drawn = table.filter(pc.is_in(table.column("meterpoint_id"), first))
        st.caption(f"The {len(first)} meter points with the longest gaps.")
        st.altair_chart(
            alt.Chart(shown.charted(drawn))
            # The stroke keeps half an hour visible in half a year.
            .mark_bar(height=7, color="#c53030", stroke="#c53030", strokeWidth=2)
            .encode(
                x=alt.X("starts_at:T", title="Time (UTC)", scale=alt.Scale(type="utc")),
                x2="ends_at:T",
                y=alt.Y(
                    "meterpoint_id:N",
                    title="Meter point",
                    sort=first.to_pylist(),
                    axis=alt.Axis(labelOverlap=False),
                ),
                tooltip=[
                    alt.Tooltip("meterpoint_id:N", title="Meter point"),
                    alt.Tooltip("missing_interval_count:Q", title="Half-hours"),
                    alt.Tooltip("starts_at_said:N", title="From (UTC)"),
                    alt.Tooltip("ends_at_said:N", title="Until (UTC)"),
                ],
            )
            .properties(height=alt.Step(16))
        )
    shown.rows(
        table,
        {
            "meterpoint_id": "Meter point",
            "missing_interval_count": headers.number("Half-hours missing"),
            "first_local_date": headers.plain_day("First day (local)"),
            "last_local_date": headers.plain_day("Last day (local)"),
            "starts_at": headers.instant("From"),
            "ends_at": headers.instant("Until"),
        },
        "No half-hour is missing between a meter point's first day and the newest reading.",
    )
    _more(table)


def _problems(source: str | None) -> None:
    st.subheader("Problems while landing", anchor="landing-problems")
    table = quality.problems(source)
    shown.rows(
        table,
        {
            "occurred_at": headers.instant("When"),
            "source": "Source",
            "table_name": "Raw table",
            "code": "Code",
            "message": headers.text("What happened", is_wide=True),
            "uri": headers.text("File", is_wide=True),
            "source_row": headers.number("Row"),
            "source_column": "Column",
        },
        "Everything that was found was landed.",
    )
    _more(table)


def _runs(source: str | None) -> None:
    st.subheader("Runs", anchor="runs")
    kind = st.selectbox(
        "Kind of run", quality.kinds(), index=None, placeholder="all kinds", key="kind", bind="query-params", width=300
    )
    table = quality.runs(source, kind)
    ended = table.filter(table.column("duration_s").is_valid())
    if ended.num_rows:
        import altair as alt

        seen = [one for one in COLOURS if one in set(ended.column("status").to_pylist())]
        st.altair_chart(
            alt.Chart(shown.charted(ended))
            .mark_circle(size=80)
            .encode(
                x=alt.X(
                    "started_at:T",
                    title="Started (UTC)",
                    scale=alt.Scale(type="utc", padding=20),
                    axis=alt.Axis(format="%d %b %H:%M", tickCount=6, labelFlush=False),
                ),
                y=alt.Y("duration_s:Q", title="Duration (s)"),
                color=alt.Color(
                    "status:N",
                    title="Status",
                    scale=alt.Scale(domain=seen, range=[COLOURS[one] for one in seen]),
                    legend=alt.Legend(orient="top"),
                ),
                tooltip=[
                    alt.Tooltip("kind:N", title="Kind"),
                    alt.Tooltip("subject:N", title="Of"),
                    alt.Tooltip("status:N", title="Status"),
                    alt.Tooltip("duration_s:Q", title="Duration (s)", format=",.1f"),
                    alt.Tooltip("started_at_said:N", title="Started (UTC)"),
                ],
            )
            .properties(height=240)
        )
    shown.rows(
        table,
        {
            "started_at": headers.instant("Started"),
            "kind": "Kind",
            "subject": "Of",
            "status": "Status",
            "duration_s": headers.number("Duration (s)", 1),
            "rows_landed": headers.number("Rows landed"),
            "files_rejected": headers.number("Files rejected"),
            "problems": headers.number("Problems"),
            "models_failed": headers.number("Models failed"),
            "tests_failed": headers.number("Tests failed"),
            "code": "Code",
            "message": headers.text("What happened", is_wide=True),
        },
        "Nothing has run yet.",
    )
    _more(table)


def _nodes() -> None:
    st.subheader("Water nodes by day", anchor="nodes")
    table = quality.node_days()
    if not table.num_rows:
        st.caption("No node has a reading yet.")
        return
    import altair as alt

    measure = st.segmented_control(
        "Shown", list(MEASURES), default="completeness_pct", format_func=MEASURES.__getitem__, key="measure",
        bind="query-params",
    ) or "completeness_pct"  # fmt: skip
    # Every day of the span, so that one that nobody has is a gap; as text, for Vega counts days by the browser's clock.
    known = table.column("local_date").to_pylist()
    days = [str(min(known) + timedelta(number)) for number in range((max(known) - min(known)).days + 1)]
    st.caption(
        "Local days of the network, the last 120. A day without a cell is not in the mart: nothing was expected."
    )
    st.altair_chart(
        alt.Chart(shown.charted(table))
        .mark_rect()
        .encode(
            x=alt.X(
                "local_date_said:O",
                title="Day (local)",
                scale=alt.Scale(domain=days),
                axis=alt.Axis(values=days[::7], labelAngle=0),
            ),
            y=alt.Y("node_id:N", title="Node"),
            color=alt.Color(
                f"{measure}:Q",
                title=MEASURES[measure],
                scale=alt.Scale(scheme="redyellowblue", domain=[0, 100 if measure == "completeness_pct" else 1]),
            ),
            tooltip=[
                alt.Tooltip("node_id:N", title="Node"),
                alt.Tooltip("local_date_said:N", title="Day (local)"),
                alt.Tooltip("completeness_pct:Q", title="Completeness (%)", format=".1f"),
                alt.Tooltip("quality_score:Q", title="Quality score (0 to 1)", format=".3f"),
                alt.Tooltip("quality_band:N", title="Band"),
                alt.Tooltip("reading_count:Q", title="Readings"),
                alt.Tooltip("expected_reading_count:Q", title="Readings expected"),
                alt.Tooltip("rejected_count:Q", title="Rejected"),
                alt.Tooltip("out_of_range_count:Q", title="Out of range"),
                alt.Tooltip("interpolated_count:Q", title="Interpolated"),
            ],
        )
        .properties(height=alt.Step(18))
    )


def _anomalies() -> None:
    st.subheader("What the detectors found in the water network", anchor="anomalies")
    shown.rows(
        quality.anomalies(),
        {
            "anomaly_type": "Kind",
            "severity": "Severity",
            "anomalies": headers.number("Found"),
            "nodes": headers.number("Nodes"),
            "districts": headers.number("Districts"),
            "first_starts_at": headers.instant("First"),
            "last_starts_at": headers.instant("Last"),
        },
        "They found nothing.",
    )


def _detectors() -> None:
    st.subheader("How far the detectors can be trusted", anchor="detectors")
    st.caption(
        "Measured on synthetic worlds, not on this network. Each of them hides the same planted faults in other "
        "readings, so a 1 says that faults as plain as these are found, and no more. Recall is what was found of the "
        "planted, precision what was right of the told. The last two columns are of this network."
    )
    shown.rows(
        quality.detector_scores(),
        {
            "anomaly_type": "Kind",
            "recall_ratio": headers.number("Recall (0 to 1)", 3),
            "precision_ratio": headers.number("Precision (0 to 1)", 3),
            "world_count": headers.number("Worlds"),
            "planted_count": headers.number("Planted"),
            "found_count": headers.number("Found of them"),
            "told_count": headers.number("Told"),
            "right_count": headers.number("Right of them"),
            "anomaly_count": headers.number("Told of this network"),
            "critical_count": headers.number("Critical of them"),
        },
        "No detector has been measured yet.",
    )


def _draw() -> None:
    source = st.selectbox(
        "Source", quality.sources(), index=None, placeholder="all sources", key="source", bind="query-params", width=300
    )
    _counts(source)
    _balances(source)
    _freshness(source)
    _parse_failures(source)
    _drift(source)
    _problems(source)
    _runs(source)
    if source in (None, "smart_meters"):
        _gaps()
    if source in (None, "abbanoa"):
        _nodes()
        _anomalies()
        _detectors()


page("Quality", _draw)
