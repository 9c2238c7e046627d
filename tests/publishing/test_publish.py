"""Readers see whole, tested builds and nothing else, on both engines, whatever happens to the publisher."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.errors import BusyError
from ingestion.settings import ROOT
from publishing import publish as publishing
from publishing.builds import NotPublished
from publishing.publish import publish, published_path
from tests.conftest import TestWarehouse
from tests.publishing.conftest import made_build, published

GENERATIONS = "select distinct b.generation, p.generation from {}monthly_billing as b cross join {}dim_products as p"


def test_the_copy_holds_marts_and_ledgers_and_nothing_else(pointed: TestWarehouse) -> None:
    made_build(pointed, 1)
    publication = publish()
    assert publication.tables == {"ledger.load_history": 400, "marts.monthly_billing": 400, "marts.dim_products": 400}
    schema = "published" if pointed.engine == "postgres" else "%"
    tables = published(
        pointed,
        f"select table_name from information_schema.tables where table_schema like '{schema}' "
        "and table_schema not in ('pg_catalog', 'information_schema') order by 1",
    )
    assert tables == [("dim_products",), ("load_history",), ("monthly_billing",), ("publication",)]


def test_the_copy_keeps_values_nulls_types_order_and_descriptions(pointed: TestWarehouse) -> None:
    made_build(pointed, 1)
    publish()
    rows = published(pointed, "select i, amount_cad, due_on from {}monthly_billing")
    assert rows == [(i, Decimal("1.10"), None) for i in range(1, 401)]
    if pointed.engine == "postgres":
        described = published(pointed, "select col_description('published.monthly_billing'::regclass, 3)")
    else:
        described = published(
            pointed,
            "select comment from duckdb_columns() where table_name = 'monthly_billing' and column_name = 'amount_cad'",
        )
    assert described == [("What was due.",)]


def test_the_copy_says_which_build_it_shows(pointed: TestWarehouse) -> None:
    made_build(pointed, 7)
    publish()
    place = "published." if pointed.engine == "postgres" else ""
    ((built, invocation, dbt_vars),) = published(
        pointed, f"select built_at, invocation_id, dbt_vars from {place}publication"
    )
    assert (str(built), invocation, dbt_vars) == ("2026-01-01 07:00:00", "7", "{}")


@pytest.mark.parametrize("failures", [1, None], ids=["failed", "killed"])
def test_a_build_that_did_not_pass_leaves_the_last_copy(pointed: TestWarehouse, failures: int | None) -> None:
    made_build(pointed, 1)
    publish()
    made_build(pointed, 2, failures=failures)
    with pytest.raises(NotPublished):
        publish()
    assert published(pointed, GENERATIONS) == [(1, 1)]


def test_nothing_is_published_from_an_empty_warehouse(pointed: TestWarehouse) -> None:
    with pytest.raises(NotPublished, match="BUILD_MISSING"):
        publish()


READER = """
import json, sys, time
from pathlib import Path
from tests.conftest import TestWarehouse
from tests.publishing.conftest import published

warehouse, sql, stop = TestWarehouse(sys.argv[1], json.loads(sys.argv[2])), sys.argv[3], Path(sys.argv[4])
seen = [published(warehouse, sql)]
print("reading", flush=True)
while not stop.exists():
    seen.append(published(warehouse, sql))
print(json.dumps(seen))
"""


def test_a_polling_reader_sees_only_whole_builds(pointed: TestWarehouse, tmp_path: Path) -> None:
    """The reader is another process, as a dashboard is; an error of one read ends it and fails the test."""
    made_build(pointed, 0)
    publish()
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, pointed.engine, json.dumps(pointed.env), GENERATIONS, str(stop)]
    reader = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for generation in range(1, 6):
        made_build(pointed, generation)
        publish()
    time.sleep(0.3)
    stop.touch()
    output, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    seen = json.loads(output)
    assert all(rows == [[rows[0][0]] * 2] for rows in seen), "a mix of two builds"
    generations = [rows[0][0] for rows in seen]
    assert generations == sorted(generations)
    assert (generations[0], generations[-1]) == (0, 5)


KILLED = """
import os, signal, sys
from pathlib import Path
from ingestion.warehouse import PostgresWarehouse
from publishing.publish import publish

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

when = sys.argv[1]
replace, rows = Path.replace, PostgresWarehouse.rows

def dying_replace(self, target):
    if when == "before":
        die()
    replace(self, target)
    die()

def dying_rows(self, sql):
    if sql != "commit":
        return rows(self, sql)
    if when == "before":
        die()
    rows(self, sql)
    die()

Path.replace, PostgresWarehouse.rows = dying_replace, dying_rows
publish()
"""


@pytest.mark.parametrize(("when", "shown"), [("before", 1), ("after", 2)])
def test_a_kill_around_the_swap_leaves_a_whole_copy(pointed: TestWarehouse, when: str, shown: int) -> None:
    made_build(pointed, 1)
    publish()
    made_build(pointed, 2)
    killed = subprocess.run([sys.executable, "-c", KILLED, when], cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    assert published(pointed, GENERATIONS) == [(shown, shown)]
    publish()
    assert published(pointed, GENERATIONS) == [(2, 2)]
    if pointed.engine == "postgres":
        left = pointed.query("select nspname from pg_namespace where nspname like 'published%'")
        assert left == [("published",)]
    else:
        folder = Path(pointed.env["WAREHOUSE_PATH"]).parent
        assert sorted(path.name for path in folder.glob("published*")) == ["published.duckdb", "published.duckdb.lock"]


def test_an_open_reader_keeps_the_copy_it_began_with_on_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    from tests.conftest import duckdb_warehouse

    warehouse = duckdb_warehouse(tmp_path)
    for name, value in warehouse.env.items():
        monkeypatch.setenv(name, value)
    made_build(warehouse, 1)
    publish()
    path = published_path(Path(warehouse.env["WAREHOUSE_PATH"]))
    with duckdb.connect(str(path), read_only=True) as reader:
        made_build(warehouse, 2)
        publish()
        query = "select distinct generation from marts.monthly_billing"
        assert reader.execute(query).fetchall() == [(1,)]
    assert published(warehouse, "select distinct generation from {}monthly_billing") == [(2,)]


def test_a_second_publisher_says_that_it_is_busy(pointed: TestWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    made_build(pointed, 1)
    if pointed.engine == "postgres":
        from tests.postgres_server import connect

        other = connect(pointed.env)
        other.autocommit = False
        other.cursor().execute("lock table ledger.build_runs in share row exclusive mode")
        with pytest.raises(BusyError, match="BUSY_PUBLICATION"):
            publish()
        other.close()
    else:
        path = published_path(Path(pointed.env["WAREHOUSE_PATH"]))
        with publishing.only_publisher(path), pytest.raises(BusyError, match="BUSY_PUBLICATION"):
            publish()
    publish()
    assert published(pointed, GENERATIONS) == [(1, 1)]
