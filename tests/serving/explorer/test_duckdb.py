"""The explorer on DuckDB: the engine's wall alone, then questions as they are asked."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from serving.explorer import ExplorerError, ask, asking, explain, history
from tests.conftest import TestWarehouse
from tests.serving.explorer.payloads import PAYLOADS

ROOT = Path(__file__).resolve().parents[3]
ENDLESS = "select count(*) from generate_series(1, 1000000) as a(i) cross join generate_series(1, 100000000) as b(j)"
HARMLESS = {
    # They read the published copy or what the engine says of itself, and nothing else.
    "select * from query('select 1')",
    "select * from query_table('monthly_billing')",
    "select current_setting('data_directory')",
    "select * from duckdb_settings()",
    "select * from duckdb_tables()",
    "select * from pg_catalog.pg_class",
    "select * from information_schema.tables",
    "select * from sqlite_master",
    "pragma database_list",
}


def published(warehouse: TestWarehouse) -> Path:
    return Path(warehouse.env["WAREHOUSE_PATH"]).with_name("published.duckdb")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_with_the_parser_down_a_payload_harms_nothing(payload: str, asked: TestWarehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = hashlib.sha256(published(asked).read_bytes()).hexdigest()
    try:
        run = asking._run(asking._settings(), payload.replace("{out}", str(out)), 100)
    except ExplorerError as error:
        assert payload not in HARMLESS or "does not exist" in error.message or "unrecognized" in error.message
    else:
        assert payload in HARMLESS
        said = str(run.table.to_pylist())
        assert "root:" not in said and "raw" not in {str(row.get("schema_name")) for row in run.table.to_pylist()}
    assert hashlib.sha256(published(asked).read_bytes()).hexdigest() == before
    assert not out.exists()


def test_names_of_raw_objects_are_not_in_the_file(asked: TestWarehouse) -> None:
    run = asking._run(asking._settings(), "select schema_name, table_name from duckdb_tables()", 100)
    assert {row["schema_name"] for row in run.table.to_pylist()} == {"marts", "ledger", "main"}


def test_a_question_is_answered_and_says_of_which_publication(asked: TestWarehouse) -> None:
    result = ask("select max(generation) as generation, count(*) as rows from monthly_billing", "alice")
    assert result.table.to_pylist() == [{"generation": 1, "rows": 400}]
    assert (result.publication.invocation_id, result.is_truncated) == ("1", False)


def test_more_rows_than_the_limit_are_cut_and_said_to_be(asked: TestWarehouse) -> None:
    result = ask("select i from generate_series(1, 10000000) as s(i)", "alice", 1000)
    assert (result.table.num_rows, result.is_truncated) == (1000, True)
    exact = ask("select i from monthly_billing", "alice", 400)
    assert (exact.table.num_rows, exact.is_truncated) == (400, False)


def test_with_the_parser_down_ten_million_rows_are_cut_too(asked: TestWarehouse) -> None:
    run = asking._run(asking._settings(), "select i from generate_series(1, 10000000) as s(i)", 10_000)
    assert (run.table.num_rows, run.is_truncated) == (10_000, True)


@pytest.mark.parametrize(
    "sql", [ENDLESS, "with recursive r as (select 1 as n union all select n + 1 from r) select max(n) from r"]
)
def test_a_question_without_end_is_given_up(sql: str, asked: TestWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SECONDS", 1.0)
    with pytest.raises(ExplorerError) as found:
        ask(sql, "alice")
    assert found.value.code in {"QUERY_TIMEOUT", "QUERY_TOO_LARGE"}


@pytest.mark.parametrize(
    "sql",
    [
        "select length(repeat('x', 2000000000)) as n",
        "select array_agg(i) as n from generate_series(1, 200000000) as s(i)",
        "select repeat('x', 1000000) as n from generate_series(1, 100)",
    ],
)
def test_a_question_that_needs_too_much_is_told_so(sql: str, asked: TestWarehouse) -> None:
    with pytest.raises(ExplorerError) as found:
        ask(sql, "alice")
    assert found.value.code in {"QUERY_TOO_LARGE", "QUERY_TIMEOUT"}


def test_three_without_end_do_not_hold_up_a_fourth(asked: TestWarehouse) -> None:
    ended: list[str] = []

    def endless() -> None:
        try:
            ask(ENDLESS, "mallory")
        except ExplorerError as error:
            ended.append(error.code)

    others = [threading.Thread(target=endless) for _ in range(3)]
    for other in others:
        other.start()
    assert ask("select count(*) as n from monthly_billing", "alice").table.to_pylist() == [{"n": 400}]
    assert ended == []
    for other in others:
        other.join(60)
    assert ended == ["QUERY_TIMEOUT"] * 3


def test_every_question_is_written_down_and_no_value_of_an_answer(asked: TestWarehouse, tmp_path: Path) -> None:
    ask("select 'a' || 'secret' as word", "alice")
    with pytest.raises(ExplorerError):
        ask("drop table monthly_billing", "alice")
    ask("select 1 as one", "bob")
    found = history("alice")
    assert [(each.sql, each.outcome, each.rows) for each in found] == [
        ("drop table monthly_billing", "QUERY_DENIED", None),
        ("select 'a' || 'secret' as word", "OK", 1),
    ]
    assert "asecret" not in (tmp_path / "data" / "explorer" / "questions.jsonl").read_text()


def test_a_plan_is_shown_and_the_statement_not_carried_out(asked: TestWarehouse) -> None:
    assert "AGGREGATE" in explain(f"select * from ({ENDLESS}) as n", "alice").text
    with pytest.raises(ExplorerError, match="only SELECT"):
        explain("delete from monthly_billing", "alice")


def test_the_command_prints_the_answer_or_the_reason(asked: TestWarehouse) -> None:
    def said(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "serving.explorer", *words]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True)

    answered = said("select i, generation from monthly_billing order by i", "--rows", "2")
    assert answered.returncode == 0
    assert answered.stdout.split() == ["i", "generation", "1", "1", "2", "1", "the", "first", "2", "rows"]
    denied = said("drop table monthly_billing")
    assert (denied.returncode, denied.stderr.startswith("QUERY_DENIED")) == (1, True)
