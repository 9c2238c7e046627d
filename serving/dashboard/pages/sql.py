"""SQL: a reader's own question to marts and ledgers, its plan, and what was asked before."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from ingestion.errors import BusyError
from serving.dashboard import downloads
from serving.dashboard.frame import page
from serving.dashboard.queries import sql as asked
from serving.explorer import MAX_ROWS, ExplorerError, Plan, Result, ask, explain

LETTERS = 20_000
SHOWN = 1_000
EXAMPLE = "select month, town, sum(amount_due_cad) as amount_due_cad\nfrom monthly_billing\ngroup by month, town"


def _who() -> str:
    """Whose questions these are: without a sign-in all readers are one."""
    return str(st.user.get("email") or "dashboard")


def _editor() -> None:
    """Answers only what a button asks for: a link that somebody sent fills the editor and does nothing else."""
    with st.form("question", border=False):
        sql = st.text_area(
            "One SELECT over marts and ledgers",
            key="sql",
            bind="query-params",
            height=180,
            max_chars=LETTERS,
            placeholder=EXAMPLE,
        )
        with st.container(horizontal=True):
            is_run = st.form_submit_button("Run", type="primary", icon=":material/play_arrow:", key="run")
            is_explained = st.form_submit_button("Explain", icon=":material/account_tree:", key="explain")
    st.caption(
        f"At most {MAX_ROWS:,} rows, {asked.SECONDS:g} s and {asked.MEGABYTES:g} MB. Times are UTC. "
        "Each question is written down with who asked; no value of an answer is."
    )
    if not (is_run or is_explained):
        return
    st.session_state.pop("sql_outcome", None)
    if not (sql or "").strip():
        st.info("Write a question first.", icon=":material/edit:")
        return
    try:
        st.session_state["sql_outcome"] = (sql, ask(sql, _who()) if is_run else explain(sql, _who()))
    except (ExplorerError, BusyError) as error:
        # It was made for the person who asked, about their own words.
        st.error(f"{error.message} (`{error.code}`)", icon=":material/error:")


def _outcome(sql: str, outcome: Result | Plan) -> None:
    if sql != st.session_state.get("sql"):
        st.caption("The answer below is that of the question before it was changed.")
    seconds = f"{outcome.milliseconds / 1000:.2f} s"
    if isinstance(outcome, Plan):
        st.subheader("Plan")
        st.caption(f"Not carried out; planned in {seconds}.")
        st.code(outcome.text, language=None, height=500)
        return
    table = outcome.table
    st.subheader("Answer")
    if outcome.is_truncated:
        st.warning(f"There is more: these are the first {table.num_rows:,} rows.", icon=":material/content_cut:")
    shown = "" if table.num_rows <= SHOWN else f", the first {SHOWN:,} shown and all in the files"
    st.caption(
        f"{table.num_rows:,} rows{shown}; {seconds}; of the publication of "
        f"{outcome.publication.published_at:%Y-%m-%d %H:%M} UTC."
    )
    st.dataframe(table.slice(0, SHOWN), hide_index=True, placeholder="null")
    downloads.offer("answer", lambda: table, "answer")


def _reuse() -> None:
    """Puts the chosen question of the history into the editor."""
    chosen = st.session_state["history"]["selection"]["rows"]
    questions = st.session_state["sql_history"]
    if chosen and chosen[0] < len(questions):
        st.session_state["sql"] = questions[chosen[0]]


def _history() -> None:
    st.subheader("Asked before")
    past = asked.past(_who())
    if not past.num_rows:
        st.caption("Nothing yet.")
        return
    whose = "Your questions" if st.user.get("email") else "Questions of all readers, since nobody signs in here"
    st.caption(f"{whose}, newest first; choose one to put it into the editor.")
    st.session_state["sql_history"] = past.column("sql").to_pylist()
    st.dataframe(
        past,
        hide_index=True,
        key="history",
        on_select=_reuse,
        selection_mode="single-row",
        column_config={
            "asked_at": st.column_config.DatetimeColumn("Asked at (UTC)", format="YYYY-MM-DD HH:mm:ss", width="medium"),
            "kind": st.column_config.TextColumn("Asked for", width="small"),
            "sql": st.column_config.TextColumn("Question", width="large"),
            "outcome": st.column_config.TextColumn("Outcome", width="small"),
            "rows": st.column_config.NumberColumn("Rows", format="localized", width="small"),
            "milliseconds": st.column_config.NumberColumn("Took (ms)", format="localized", width="small"),
        },
    )


def _columns(found: pa.Table) -> None:
    with st.expander("Tables and columns", icon=":material/list:"):
        st.dataframe(
            found,
            hide_index=True,
            column_config={
                "table_name": "Table",
                "column_name": "Column",
                "type": "Type",
                "description": st.column_config.TextColumn("Means", width="large"),
            },
        )


def _draw() -> None:
    _editor()
    if "sql_outcome" in st.session_state:
        _outcome(*st.session_state["sql_outcome"])
    _columns(asked.columns())
    _history()


page("SQL", _draw)
