{#
    Long series by the month, on PostgreSQL: a model says config partition_by_month = {column, months_in, months_by}. `months_in`
    is the model in whose column `months_by` (default: the column itself) the months of a full build are looked up; a later run looks
    in what it is about to insert. DuckDB keeps ranges of every column by itself and does nothing.

    Where the server has TimescaleDB the table is a hypertable with chunks of a month. Else partitions lie in the schema
    `partitions`, so that readers see one table; their names carry the run, since a full refresh builds beside the old table.
#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {%- set by_month = config.get('partition_by_month') -%}
    {%- if temporary or not by_month -%}
        {{- return(dbt.postgres__create_table_as(temporary, relation, sql)) -}}
    {%- endif -%}
    {{ get_assert_columns_equivalent(sql) }}
    {%- if has_timescaledb() %}
    create table {{ relation }} {{ get_table_columns_and_constraints() }};
    select create_hypertable(
        '{{ relation.include(database=false) }}', '{{ by_month.column }}',
        chunk_time_interval => interval '1 month', create_default_indexes => false
    );
    {%- else %}
    {%- set source = month_source(by_month.months_in) %}
    create table {{ relation }} {{ get_table_columns_and_constraints() }} partition by range ({{ by_month.column }});
    {{ month_partitions(relation, months_of(source, by_month.get('months_by', by_month.column)), []) }}
    {%- endif %}
    insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }})
    {{ get_select_subquery(sql) }};
{%- endmacro %}

{% macro postgres__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set by_month = config.get('partition_by_month') -%}
    {%- if by_month and not has_timescaledb() %}
    {{ month_partitions(target, months_of(source, by_month.column), existing_months(target)) }}
    {%- endif %}
    {{ dbt.default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) }}
{%- endmacro %}


{% macro has_timescaledb() %}
    {{ return(run_query("select 1 from pg_extension where extname = 'timescaledb'").rows | length > 0) }}
{% endmacro %}

{% macro month_source(name) %}
    {% set node = (graph.nodes.values() | selectattr('name', 'equalto', name) | list)[0] %}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
{% endmacro %}

{# The months of a column, and of the day before each of its instants: a local day begins before its first reading. #}
{% macro months_of(relation, column) %}
    {% set rows = run_query(
        "select distinct to_char(date_trunc('month', instant), 'YYYYMM') from (select " ~ column ~ " as instant from " ~ relation
        ~ " where " ~ column ~ " is not null) as instants"
        ~ " union select distinct to_char(date_trunc('month', instant - interval '1 day'), 'YYYYMM') from (select " ~ column
        ~ " as instant from " ~ relation ~ " where " ~ column ~ " is not null) as instants order by 1"
    ).rows %}
    {{ return(rows | map(attribute=0) | list) }}
{% endmacro %}

{% macro existing_months(relation) %}
    {% set rows = run_query(
        "select substring(child.relname from '_([0-9]{6})_[0-9a-f]{8}$') from pg_inherits"
        ~ " inner join pg_class as child on child.oid = pg_inherits.inhrelid"
        ~ " where pg_inherits.inhparent = to_regclass('" ~ relation.include(database=false) ~ "')"
    ).rows %}
    {{ return(rows | map(attribute=0) | list) }}
{% endmacro %}

{% macro month_partitions(relation, months, existing) %}
    {%- if months | length > existing | length or months | reject('in', existing) | list %}
    create schema if not exists partitions;
    {%- endif %}
    {%- for month in months if month not in existing %}
    {%- set first = month[:4] ~ '-' ~ month[4:] ~ '-01' %}
    {%- set next_month = (month[:4] | int + 1) ~ '-01-01' if month[4:] == '12' else month[:4] ~ '-' ~ '%02d' % (month[4:] | int + 1) ~ '-01' %}
    create table partitions."{{ model.alias }}_{{ month }}_{{ invocation_id[:8] }}" partition of {{ relation }}
        for values from ('{{ first }}') to ('{{ next_month }}');
    {%- endfor %}
{% endmacro %}
