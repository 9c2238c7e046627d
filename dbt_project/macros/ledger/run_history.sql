{#
    ledger.operation_runs: one row per publication, freshness check, backup, restore and drill, written by
    publishing/records.py, which makes it where no dbt run has. A killed one leaves a row without finished_at.
#}
{% macro operation_runs_columns() %}
    run_id text not null,
    kind text not null,
    subject text not null,
    status text,
    code text,
    message text,
    row_count bigint,
    late_tables integer,
    stale_tables integer,
    dbt_version text,
    git_sha text,
    started_at timestamp not null,
    finished_at timestamp
{% endmacro %}


{#
    A table that the house writes of its own runs. No source of dbt: nothing of it has landed, and the ledgers take every
    source for raw tables (walk.sql). The hook on-run-start sees to it that it is there.
#}
{% macro recorded(table) %}
    {{ return(api.Relation.create(database=target.database, schema='ledger', identifier=table)) }}
{% endmacro %}


{# When a recorded run ended, as known at known_at: null while it had not. #}
{% macro ended_at() -%}
    case when finished_at <= {{ known_at() }} then finished_at end
{%- endmacro %}
