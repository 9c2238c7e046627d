"""Readers on both engines ask the same SQL and get the same answer, always of one publication."""

from __future__ import annotations

import contextlib
import threading
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import serving.published
from ingestion.errors import BusyError, WarehouseError
from publishing.builds import NotPublished
from publishing.publish import publish
from serving.published import Published, _Watch, open_published
from tests.conftest import TestWarehouse, duckdb_warehouse
from tests.publishing.conftest import made_build

GENERATION = "select max(generation) as generation, count(*) as rows from monthly_billing"


def test_before_the_first_publication_a_question_says_so(pointed: TestWarehouse) -> None:
    reader = open_published()
    with pytest.raises(NotPublished, match="nothing is published yet"):
        reader.ask("select 1 as one")
    with pytest.raises(NotPublished, match="nothing is published yet"):
        reader.publication()


def test_a_question_names_tables_without_their_schema_and_parameters_with_a_dollar(published: Published) -> None:
    found = published.ask(
        "select i, amount_cad from monthly_billing where i between $first and $last and '50%' like '5_%' order by i",
        {"first": 3, "last": 4, "unused": "'"},
    )
    assert found.table.to_pylist() == [
        {"i": 3, "amount_cad": Decimal("1.10")},
        {"i": 4, "amount_cad": Decimal("1.10")},
    ]


def test_a_parameter_is_a_value_and_never_sql(published: Published) -> None:
    given = {"name": "x'; drop table monthly_billing; --"}
    assert published.ask("select i from monthly_billing where cast(i as text) = $name", given).table.num_rows == 0
    assert published.ask(GENERATION).table.to_pylist() == [{"generation": 1, "rows": 400}]


def test_both_engines_answer_with_the_same_types(published: Published) -> None:
    found = published.ask(
        "select i, cast(i as bigint) as big, sum(i) over () as whole, amount_cad, "
        "sum(amount_cad) over () as total_cad, due_on, timestamp '2021-03-14 01:30:00' as at, "
        "'é' as word, i > 1 as is_more, "
        "cast(0.5 as double precision) as share from monthly_billing where i = 1"
    )
    assert found.table.to_pylist()[0]["total_cad"] == Decimal("1.10")
    assert {field.name: field.type for field in found.table.schema} == {
        "i": pa.int64(),
        "big": pa.int64(),
        "whole": pa.int64(),
        "amount_cad": pa.decimal128(38, 2),
        "total_cad": pa.decimal128(38, 2),
        "due_on": pa.date32(),
        "at": pa.timestamp("us"),
        "word": pa.string(),
        "is_more": pa.bool_(),
        "share": pa.float64(),
    }


def test_the_next_question_after_a_publication_sees_it(pointed: TestWarehouse, published: Published) -> None:
    before = published.ask(GENERATION)
    made_build(pointed, 2, rows=500)
    publish()
    after = published.ask(GENERATION)
    assert before.table.to_pylist() == [{"generation": 1, "rows": 400}]
    assert after.table.to_pylist() == [{"generation": 2, "rows": 500}]
    assert (before.publication.invocation_id, after.publication.invocation_id) == ("1", "2")
    assert after.publication.etag != before.publication.etag
    assert published.publication() == after.publication


def test_twenty_readers_at_once_get_whole_generations_while_others_are_published(
    pointed: TestWarehouse, published: Published
) -> None:
    stopped = threading.Event()
    seen: set[tuple[int, int]] = set()
    errors: list[Exception] = []

    def read() -> None:
        while not stopped.is_set():
            try:
                answer = published.ask(GENERATION)
                (row,) = answer.table.to_pylist()
                assert answer.publication.invocation_id == str(row["generation"])
                seen.add((row["generation"], row["rows"]))
            except Exception as error:
                errors.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(20)]
    for reader in readers:
        reader.start()
    for generation in (2, 3, 4):
        made_build(pointed, generation, rows=400 + generation)
        publish()
    stopped.set()
    for reader in readers:
        reader.join(60)
    assert errors == []
    assert seen <= {(1, 400), (2, 402), (3, 403), (4, 404)}
    assert len(seen) > 1


def test_tables_come_with_their_columns_and_what_dbt_says_of_them(published: Published) -> None:
    tables = published.tables()
    assert sorted(tables) == ["dim_products", "load_history", "monthly_billing"]
    by_name = {column.name: column for column in tables["monthly_billing"]}
    assert list(by_name) == ["i", "generation", "amount_cad", "due_on"]
    assert by_name["amount_cad"].description == "What was due."
    assert by_name["due_on"].description is None
    assert (by_name["i"].kind, by_name["due_on"].kind) in {("integer", "date"), ("bigint", "date")}


def test_a_question_cannot_write(published: Published) -> None:
    for statement in (
        "delete from monthly_billing",
        "create table made (i int)",
        "insert into publication select * from publication",
    ):
        with pytest.raises(WarehouseError):
            published.ask(statement)
    assert published.ask(GENERATION).table.to_pylist() == [{"generation": 1, "rows": 400}]


def test_a_wrong_question_leaves_the_reader_whole(published: Published) -> None:
    with pytest.raises(WarehouseError, match="no_such_column") as found:
        published.ask("select no_such_column from monthly_billing")
    assert found.value.code == "QUERY_FAILED"
    assert published.ask(GENERATION).table.num_rows == 1


def test_an_answer_that_takes_too_long_is_given_up(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.published, "QUERY_SECONDS", 0.3)
    with pytest.raises(WarehouseError) as found:
        published.ask(
            "select count(*) as n from generate_series(1, 100000) as a(i) "
            "cross join generate_series(1, 1000000) as b(j)"
        )
    assert found.value.code == "QUERY_TIMEOUT"
    assert published.ask(GENERATION).table.num_rows == 1


def test_what_ends_in_time_is_not_ended_and_what_comes_later_has_its_own_time() -> None:
    watch, ended = _Watch(), threading.Event()
    with watch.over(ended.set, 0.05):
        pass
    assert not ended.wait(0.3), "it had ended itself"
    late = threading.Event()
    with watch.over(late.set, 60), watch.over(ended.set, 0.05):
        assert ended.wait(30), "the shorter time ends first, though the longer one began before"
    assert not late.is_set()
    watch.end()
    ended.clear()
    with watch.over(ended.set, 0.05):
        assert ended.wait(30), "a watch that was let go begins again"
    watch.end()


def test_a_copy_that_was_replaced_is_let_go_with_the_next_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its space on the disk is free again only when nobody has it open."""
    warehouse = duckdb_warehouse(tmp_path)
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    made_build(warehouse, 1)
    publish()
    reader = open_published()
    assert reader.ask(GENERATION).table.to_pylist() == [{"generation": 1, "rows": 400}]
    made_build(warehouse, 2)
    publish()
    assert len(_removed_and_open(tmp_path)) == 1, "the copy before"
    assert reader.ask(GENERATION).table.to_pylist() == [{"generation": 2, "rows": 400}]
    assert _removed_and_open(tmp_path) == []
    reader.close()


def _removed_and_open(folder: Path) -> list[str]:
    """Files below the folder that this process holds open though they have no name any more."""
    open_files = []
    for link in Path("/proc/self/fd").iterdir():
        # One of them is that of the listing itself, which is closed by now.
        with contextlib.suppress(FileNotFoundError):
            open_files.append(str(link.readlink()))
    return [file for file in open_files if file.startswith(str(folder)) and file.endswith("(deleted)")]


def test_a_reader_whose_turn_does_not_come_is_told(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.published, "WAIT_SECONDS", 0.2)
    for _ in range(serving.published.AT_ONCE):
        published._turns.acquire()  # type: ignore[attr-defined]
    with pytest.raises(BusyError, match="ask again"):
        published.ask(GENERATION)
