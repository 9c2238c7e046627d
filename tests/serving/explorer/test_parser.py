"""The parser's wall alone: no engine is there."""

from __future__ import annotations

import pytest
from sqlglot import exp

from serving.explorer import parser
from serving.explorer.answers import ExplorerError
from tests.serving.explorer.payloads import PAYLOADS

RELATIONS = ("marts.monthly_billing", "ledger.load_history")
ENGINES = ("duckdb", "postgres")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_does_not_pass(payload: str, engine: str) -> None:
    with pytest.raises(ExplorerError) as found:
        parser.checked(payload, engine, RELATIONS, 10)
    assert found.value.code in {"QUERY_DENIED", "QUERY_FAILED"}


def test_there_are_sixty_payloads() -> None:
    assert len(set(PAYLOADS)) >= 60


def test_what_runs_is_written_anew_and_has_a_limit() -> None:
    asked = "select /* x */ i from Monthly_Billing -- ;"
    assert parser.checked(asked, "duckdb", RELATIONS, 10) == (
        "SELECT * FROM (SELECT i FROM marts.monthly_billing) AS answer LIMIT 11"
    )
    assert parser.checked(asked, "postgres", RELATIONS, 10) == (
        "SELECT * FROM (SELECT i FROM published.monthly_billing) AS answer LIMIT 11"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1 as n), b as (select * from a) select * from b",
        "with recursive r as (select 1 as n union all select n + 1 from r) select * from r limit 3",
        "select * from published.monthly_billing, marts.monthly_billing as m, ledger.load_history",
        "select date_trunc('month', due_on), sum(amount_cad) filter (where i > 1) from monthly_billing group by 1",
        "select lag(i) over (order by i), cast(i as numeric(18, 2)), now() from monthly_billing",
    ],
)
def test_a_question_of_an_analyst_passes(sql: str, engine: str) -> None:
    assert parser.checked(sql, engine, RELATIONS, 10).endswith("AS answer LIMIT 11")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select * from a) select * from a",
        "select * from x, (with x as (select 1) select * from x) as y",
        "with pg_authid as (select 1) select * from pg_authid",
    ],
)
def test_a_name_that_only_looks_like_a_cte_does_not_pass(sql: str, engine: str) -> None:
    with pytest.raises(ExplorerError, match="is not published"):
        parser.checked(sql, engine, RELATIONS, 10)


def test_every_listed_kind_exists() -> None:
    assert [name for name in parser.CLAUSES | parser.FUNCTIONS if not hasattr(exp, name)] == []
    assert [name for name in parser.TYPES if not hasattr(exp.DataType.Type, name)] == []


@pytest.mark.parametrize(
    "sql", ["select " + "(" * 60 + "1" + ")" * 60, "select '" + "x" * 20_001 + "'", "", "select 1\0"]
)
def test_what_would_wear_the_parser_out_is_denied(sql: str) -> None:
    with pytest.raises(ExplorerError) as found:
        parser.checked(sql, "duckdb", RELATIONS, 10)
    assert found.value.code == "QUERY_DENIED"
