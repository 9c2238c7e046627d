"""Analysts' own SQL over the published copy: one SELECT, in bounds of rows, time and memory, by two walls.

    answer = ask("select * from monthly_billing", who="alice")
    answer.table, answer.is_truncated, answer.publication, answer.milliseconds

The parser's wall (`parser.py`) lets only what it knows pass. The engine's wall (`duckdb_child.py`, `postgres_child.py`
and what its role may do) holds alone when the parser is fooled. Each question is written down (`audit.py`).
docs/decisions/0023-explorer.md says why.

Importing this is cheap: the processes that carry questions out do it, too.
"""

from __future__ import annotations

from serving.explorer.answers import MAX_ROWS, Asked, ExplorerError, Plan, Result

__all__ = ["MAX_ROWS", "Asked", "ExplorerError", "Plan", "Result", "ask", "explain", "history"]


def ask(sql: str, who: str, limit: int = MAX_ROWS) -> Result:
    """The first `limit` rows (1 to MAX_ROWS) of one SELECT; `who` is written down with it.

    Marts and ledgers are named bare, as `marts.x` and `ledger.x`, or as `published.x`, on both engines. Raises
    ExplorerError with code QUERY_DENIED, QUERY_TIMEOUT, QUERY_TOO_LARGE, QUERY_FAILED, or EXPLORER_ROLE when PostgreSQL
    would be asked as somebody who may do too much; NotPublished; BusyError when no turn comes; WarehouseError.
    """
    from serving.explorer import asking

    return asking.ask(sql, who, limit)


def explain(sql: str, who: str) -> Plan:
    """The engine's plan of the same statement, which is not carried out. Raises as `ask` does."""
    from serving.explorer import asking

    return asking.explain(sql, who)


def history(who: str, limit: int = 100) -> list[Asked]:
    """What `who` has asked, newest first, as far as it is kept."""
    from serving.explorer import audit

    return audit.history(who, limit)
