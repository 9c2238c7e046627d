"""The closing summary of any set of marts: it names no source, and fits a terminal of 100 columns."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from publishing.publish import published_path
from publishing.summary import show

# What a published copy of an invented source holds; the ledgers' columns are those that readers may rely on.
COPY = """
create schema marts; create schema ledger;
create table publication as select timestamp '2026-01-02 03:04:05' as built_at,
    '["marts.fct_tides", "marts.surges", "marts.dim_gauges", "ledger.conservation"]' as relations;
create table marts.fct_tides as select cast('2021-01-01' as date) + cast(i as integer) as day, 1.5 as height_m,
    2.0 as volume_m3, timestamp '2021-01-01' as read_at from range(3) as r(i);
create table marts.surges as select 'wave' as anomaly_type, 'warning' as severity, timestamp '2021-02-03 04:00:00' as
    starts_at, timestamp '2020-01-01' as _noted_at from range(2);
create table marts.dim_gauges as select 'g' as gauge_id;
create table ledger.load_history as select 'tides' as source, 'ok' as status, 1 as files_landed, 3 as rows_landed,
    1000000 as bytes_landed, timestamp '2026-01-01' as started_at;
create table ledger.conservation (source text, hop text, measure text, amount_in decimal(38, 6), kept decimal(38, 6),
    superseded decimal(38, 6), rejected decimal(38, 6), unmapped decimal(38, 6), unexplained decimal(38, 6));
insert into ledger.conservation values
    ('tides', 'raw tide_gauges to fct_tides 1hour', 'm3', 8, 6, 0, 1, 1, 0),
    ('tides', 'raw tide_gauges to fct_tides', 'rows', 4, 3, 0, 1, 0, 0);
insert into ledger.conservation select 'tides', 'a hop whose name is long, number ' || i || ' to nowhere', 'rows',
    1000000, 999000, 1000, 0, 0, 0 from range(9) as r(i);
create table ledger.interval_gaps (meterpoint_id text, missing_interval_count bigint);
create table ledger.parse_failures (source text, table_name text, column_name text);
insert into ledger.parse_failures values ('tides', 'tide_gauges', 'height_m');
create table ledger.schema_drift (source text, table_name text, column_name text, kind text, is_current boolean);
insert into ledger.schema_drift values ('tides', 'tide_gauges', 'a', 'missing', true), ('tides', 'tide_gauges', 'b',
    'missing', true);
create table ledger.landing_problems (code text);
create table ledger.source_freshness (source text, table_name text, status text, last_landed_at timestamp);
insert into ledger.source_freshness values ('tides', 'tide_gauges', 'late', timestamp '2025-12-24 18:00:00'),
    ('tides', 'tide_tables', 'never landed', null), ('weather', 'skies', 'not in use', null);
"""


def test_a_source_nobody_heard_of_is_summed_up_in_100_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE", "duckdb")
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))
    with duckdb.connect(str(published_path(tmp_path / "warehouse.duckdb"))) as connection:
        connection.execute(COPY)
    console = Console(width=100, record=True, force_terminal=False)
    show(console)
    said = console.export_text()
    lines = [" ".join(line.split()) for line in said.splitlines()]
    # A mart's total is what the ledger found in it: 6 kept and 1 unmapped. Heights are nothing to add up.
    assert "fct_tides 3 2021-01-01 2021-01-03 7.00 m³" in lines
    assert "surges 2 2021-02-03 2021-02-03" in lines
    assert "dim_gauges 1" in lines
    assert "! raw tide_gauges to fct_tides 1hour: 1.00 m³ unmapped, and in the total" in lines
    # What was rejected comes first, and of ten lines five are shown with it.
    assert "! raw tide_gauges to fct_tides: of 4 rows 1 rejected" in lines
    assert "! and 4 more with superseded or rejected rows in ledger.conservation" in lines
    assert "! 2 surges: 2 wave" in lines
    assert "! tides.tide_gauges: 2 columns are missing, such as a" in lines
    assert "! tides.tide_gauges was late when this was built, landed 2025-12-24 18:00 UTC" in lines
    assert "! tides.tide_tables was not landed when this was built" in lines
    findings = said[said.index("What you can ask") : said.index("Where to look next")].splitlines()
    assert "! 1 value could not be parsed, most in tides.tide_gauges.height_m (1)" in lines
    wrapped = [line for line in findings if line.strip() and not line.startswith(("  ", "What"))]
    assert wrapped == []
