"""The water system's broken deliveries are broken the way their truth says, and its long histories hold together."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.systems.abbanoa.bench import write_history
from simulator.world import make_faults


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("water") / "faults"
    return folder / "abbanoa", make_faults(folder, only=["abbanoa"])["water"]


def test_every_broken_file_is_told_of_once(broken: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = broken
    for place, cases in truth.items():
        assert [case["file"] for case in cases if case["outcome"] not in ("landed", "rejected")] == []
        assert sorted(case["file"] for case in cases) == sorted(path.name for path in (folder / place).iterdir())
        assert all(case["fault"] for case in cases)
        assert all(("rows" in case) == (case["outcome"] == "landed") for case in cases)
    rejected = [case["file"] for case in truth["readings"] if case["outcome"] == "rejected"]
    assert len(rejected) == 22


def test_broken_files_are_broken_as_said(broken: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = broken

    def content(name: str) -> bytes:
        return (folder / "readings" / name).read_bytes()

    def lengths(name: str, delimiter: str) -> set[int]:
        return {line.count(delimiter) for line in content(name).decode().splitlines()}

    failing: list[tuple[type[Exception], Callable[[], object]]] = [
        (EOFError, lambda: gzip.decompress(content("cut.csv.gz"))),
        (pa.ArrowInvalid, lambda: pq.read_table(folder / "readings" / "cut.parquet")),
        (pa.ArrowInvalid, lambda: pq.read_table(folder / "readings" / "text.parquet")),
        (UnicodeDecodeError, lambda: content("not_utf8.csv").decode()),
        (UnicodeDecodeError, lambda: content("no_encoding.csv").decode("cp1252")),
    ]
    for error, read in failing:
        with pytest.raises((error, zlib.error)):
            read()
    assert content("not_utf8.csv").decode("cp1252").count("Città") == 4
    assert b"\0" in content("nul_byte.csv")
    assert b"\0" in content("export_nul.csv")
    assert content("utf16_without_bom.csv").startswith(b"t\0i\0")
    assert lengths("good.csv", ",") == {15}
    assert lengths("wrong_delimiter.csv", ";") == {15}
    assert (lengths("ragged_row.csv", ","), lengths("long_row.csv", ",")) == ({8, 15}, {15, 16})
    assert lengths("export_ragged.csv", ";") == {2, 3}
    assert content("export_one_header.csv").splitlines()[1].startswith(b"01/03/2021")
    assert content("empty.csv") == b""


def test_landed_cases_count_their_rows(broken: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = broken
    said = {case["file"]: case for case in truth["readings"]}
    for name in ("good.csv", "header_only.csv", "stamps.csv", "flows.csv"):
        assert len((folder / "readings" / name).read_text().splitlines()) == 1 + said[name]["rows"]
    for name in ("export_good.csv", "export_unknown_unit.csv", "export_impossible_date.csv"):
        assert (len((folder / "readings" / name).read_text().splitlines()) - 2) * 2 == said[name]["rows"]
    assert [len(said[name]["values"]) for name in ("stamps.csv", "flows.csv", "export_numbers.csv")] == [7, 5, 13]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("water") / "history"
    made = write_history(folder, nodes=15, days=40, minutes=15)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create view reading as select * from '{made.readings}/*.parquet'")
    return folder, made, connection


def test_a_history_has_every_node_at_every_instant(history: tuple[Path, Any, duckdb.DuckDBPyConnection]) -> None:
    _, made, connection = history
    assert made.rows == 15 * 40 * 96
    counted = "select count(*), count(distinct (node_id, timestamp)), min(timestamp), max(timestamp) from reading"
    first, last = datetime(2019, 12, 31, 23, tzinfo=UTC), datetime(2020, 2, 9, 22, 45, tzinfo=UTC)
    assert connection.execute(counted).fetchone() == (made.rows, made.rows, first, last)
    assert [path.name for path in sorted(made.readings.iterdir())] == [
        "readings_2020-01.parquet",
        "readings_2020-02.parquet",
    ]
    assert len((made.nodes / "nodes_20200101.csv").read_text().splitlines()) == 16


def test_a_history_counts_what_flows_over_the_ends_of_months(
    history: tuple[Path, Any, duckdb.DuckDBPyConnection],
) -> None:
    _, made, connection = history
    worst = connection.execute(
        """
        select max(abs(following - volume - flow_rate * 0.9)), count(following) from (
            select *, lead(volume) over (partition by node_id order by timestamp) as following from reading
        )
        """
    ).fetchone()
    assert worst is not None
    assert worst[0] < 1e-6
    assert worst[1] == made.rows - 15
    inputs, outputs = connection.execute(
        """
        select
            sum(flow_rate * 0.9) filter (node_id::integer % 5 = 0),
            sum(flow_rate * 0.9) filter (node_id::integer % 5 > 0)
        from reading
        """
    ).fetchone() or (0, 0)
    assert inputs == pytest.approx(made.volume_m3)
    assert 0.44 < outputs / inputs < 0.48


def test_a_history_leaks_where_it_says(history: tuple[Path, Any, duckdb.DuckDBPyConnection]) -> None:
    _, made, connection = history
    assert [(leak.district_id, leak.starts_on, leak.flow_lps) for leak in made.leaks] == [
        ("DIST_000", date(2020, 1, 17), 1.5),
        ("DIST_001", date(2020, 1, 25), 1.5),
        ("DIST_002", date(2020, 2, 2), 1.5),
    ]
    for leak in made.leaks:
        loss = """
            select avg(loss) filter (timestamp >= $at) - avg(loss) filter (timestamp < $at) from (
                select timestamp, sum(case when node_id::integer % 5 = 0 then flow_rate else -flow_rate end) as loss
                from reading where district_id = $zone group by timestamp
            )
        """
        begins = datetime(leak.starts_on.year, leak.starts_on.month, leak.starts_on.day, tzinfo=UTC)
        (rise,) = connection.execute(loss, {"at": begins, "zone": leak.district_id}).fetchone() or (0,)
        assert rise == pytest.approx(1.5, abs=0.05)


def test_a_history_as_csv_holds_the_same(history: tuple[Path, Any, duckdb.DuckDBPyConnection]) -> None:
    folder, made, connection = history
    again = write_history(folder.parent / "csv", nodes=15, days=40, minutes=15, suffix="csv")
    assert (again.rows, again.volume_m3) == (made.rows, made.volume_m3)
    text = (again.readings / "readings_2020-01.csv").read_text().splitlines()
    assert text[1].startswith("2019-12-31 23:00:00 UTC,800000,DIST_000,")
    connection.execute(
        f"create or replace view text as select * from read_csv('{again.readings}/*.csv', all_varchar = true)"
    )
    unlike = """
        select count(*) from reading inner join text
            on reading.node_id = text.node_id and strftime(reading.timestamp, '%Y-%m-%d %H:%M:%S UTC') = text.timestamp
        where reading.volume = text.volume::double and reading.flow_rate = text.flow_rate::double
            and reading.pressure = text.pressure::double
    """
    assert connection.execute(unlike).fetchone() == (made.rows,)


def test_a_history_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for wrong in ({"nodes": 7}, {"minutes": 7}, {"suffix": "xlsx"}):
        with pytest.raises(ValueError):
            write_history(tmp_path / "never", days=1, **{"nodes": 5, **wrong})
    assert not (tmp_path / "never").exists()
