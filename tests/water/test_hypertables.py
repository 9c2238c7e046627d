"""Where the database has TimescaleDB, long series become hypertables. The extension is played here, since no server of
ours has it: this holds what is asked of it, before which insert, and that later runs leave partitions alone."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import postgres_warehouse
from tests.water.raw_water import create_raw, dbt, land
from tests.water.story import LOADS

PLAYED = """
create table asked (relation text, time_column text, chunk interval, rows_then bigint);
create function create_hypertable(
    relation regclass, time_column_name name, chunk_time_interval interval, create_default_indexes boolean
) returns void language plpgsql as $$
declare rows_then bigint;
begin
    execute 'select count(*) from ' || relation into rows_then;
    insert into asked values (relation::text, time_column_name, chunk_time_interval, rows_then);
end $$;
set allow_system_table_mods = on;
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
values (999999, 'timescaledb', 10, 'public'::regnamespace, false, '2');
"""


def test_a_long_series_is_a_hypertable_where_the_extension_is_there(tmp_path: Path, postgres: dict[str, str]) -> None:
    warehouse = postgres_warehouse(tmp_path, postgres)
    create_raw(warehouse)
    warehouse.query(PLAYED)
    for number, load in enumerate(LOADS[:2], 1):
        land(warehouse, number, load)
        dbt(warehouse, tmp_path, "run", select="+fct_sensor_readings")
    # Asked once, of the empty table; the second run only inserts.
    assert warehouse.query("select relation, time_column, cast(chunk as text), rows_then from asked") == [
        ("marts.fct_sensor_readings", "read_at", "1 mon", 0)
    ]
    assert warehouse.query("select count(*) from marts.fct_sensor_readings") == [(102,)]
    assert warehouse.query(
        "select count(*) from pg_inherits where inhparent = 'marts.fct_sensor_readings'::regclass"
    ) == [(0,)]
