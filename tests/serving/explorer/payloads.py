"""What a fooled or hostile person types (F110). `{out}` is a file that must not come to be."""

from __future__ import annotations

PAYLOADS = tuple(
    line.strip()
    for line in """
    delete from monthly_billing
    update monthly_billing set i = 0
    insert into monthly_billing select * from monthly_billing
    truncate monthly_billing
    drop table monthly_billing
    drop schema published cascade
    alter table monthly_billing add column x int
    create table made (i int)
    create temp table made (i int)
    create view made as select 1
    create schema made
    create function made() returns int as 'select 1' language sql
    create macro made() as 1
    select 1; drop table monthly_billing
    select 1; select 2
    with gone as (delete from monthly_billing returning *) select * from gone
    with gone as (insert into monthly_billing select * from monthly_billing returning *) select * from gone
    select * into made from monthly_billing
    select * from monthly_billing for update
    copy monthly_billing to '{out}'
    copy (select 1) to '{out}' (format csv)
    copy monthly_billing to program 'touch {out}'
    copy monthly_billing from '/etc/passwd'
    export database '{out}'
    import database '{out}'
    attach '{out}' as other
    attach ':memory:' as other
    detach published
    use memory
    install httpfs
    load httpfs
    force install spatial from community
    pragma database_list
    pragma enable_external_access
    set enable_external_access = true
    set statement_timeout = 0
    set role meterhouse_transformer
    reset all
    select * from read_csv('/etc/passwd')
    select * from read_text('/etc/passwd')
    select * from read_blob('/etc/passwd')
    select * from read_json('/etc/passwd')
    select * from glob('/etc/*')
    select * from parquet_scan('/etc/passwd')
    select * from sniff_csv('/etc/passwd')
    select * from '/etc/passwd'
    select * from 'http://127.0.0.1:9/x.csv'
    select * from read_parquet('http://127.0.0.1:9/x.parquet')
    select * from query('select 1')
    select * from query_table('monthly_billing')
    select query_to_xml('select 1', true, false, '')
    select * from dblink('host=127.0.0.1', 'select 1') as t (i int)
    select pg_read_file('/etc/passwd')
    select "pg_read_file"('/etc/passwd')
    select pg_catalog.pg_read_file('/etc/passwd')
    select/**/pg_read_file/**/('/etc/passwd')
    select pg_ls_dir('/etc')
    select lo_import('/etc/passwd')
    select lo_export(1, '{out}')
    select pg_sleep(30)
    select pg_advisory_lock(1)
    select pg_terminate_backend(1)
    select set_config('statement_timeout', '0', false)
    select current_setting('data_directory')
    select getenv('PATH')
    do $$ begin perform 1; end $$
    call pragma_version()
    explain analyze delete from monthly_billing
    explain select 1
    prepare p as select 1
    execute p
    vacuum
    checkpoint
    lock table monthly_billing
    notify channel
    select * from duckdb_settings()
    select * from duckdb_tables()
    select * from pg_catalog.pg_class
    select * from pg_user
    select * from information_schema.tables
    select * from sqlite_master
    select * from raw.bills
    select * from staging.bills
    select 'pg_authid'::regclass
    select U&'\\0070' from pg_authid
    select * from ｍonthly_billing
    select * from os
    """.splitlines()
    if line.strip()
)
