{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['source', 'table_name', '_dlt_load_id'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Covers every staging model by walking the project, so that a source is in the ledger as soon as it is typed: nothing
-- here is edited for it. Each load is read once, straight from raw and by the very SQL that staging has. A change of that
-- SQL (a column declared, a parse mended, a column new in raw) has all loads of its table read again.
-- depends_on: {{ source('landing', '_dlt_loads') }}

-- An option for long series: a versions model that keeps _parse_failures and only appends has read each load already.
-- The key is the staging model.
{% set kept_by = {
    'stg_smart_meters__meter_readings': ref('int_meter_reading_versions'),
    'stg_abbanoa__sensor_readings': ref('int_sensor_table_readings'),
} %}
{% set marks = table_watermarks(this, ['source', 'table_name', '_parse_digest']) %}

with

failures as (

    {% for table in staged_tables() -%}
    {% set kept = kept_by.get(table.node.name) -%}
    {% set kept = load_relation(kept) if kept else none -%}
    {% set staged = typed(table.relation, node=table.node) -%}
    {% set digest = 'kept' if kept else local_md5(staged) -%}
    {% set mark = marks.get([table.source, table.name, digest] | join('.'), '') -%}
    select
        '{{ table.source }}' as source,
        '{{ table.name }}' as table_name,
        _parse_failures,
        '{{ digest }}' as _parse_digest,
        _source_file,
        _source_row,
        _dlt_load_id
    from {% if kept %}{{ kept }}{% else %}(

        {{ staged | trim }}

    ){% endif %} as staged
    where _parse_failures is not null
        and _dlt_load_id > '{{ mark }}'

    union all

    select distinct
        '{{ table.source }}',
        '{{ table.name }}',
        cast(null as {{ dbt.type_string() }}),
        '{{ digest }}',
        cast(null as {{ dbt.type_string() }}),
        cast(null as bigint),
        {{ as_text('_dlt_load_id') }}
    from {{ kept or table.relation }}
    where _dlt_load_id in ({{ completed_loads() }})
        and _dlt_load_id > '{{ mark }}'

    union all

    {% endfor -%}
    select
        cast(null as {{ dbt.type_string() }}) as source,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as {{ dbt.type_string() }}) as _parse_failures,
        cast(null as {{ dbt.type_string() }}) as _parse_digest,
        cast(null as {{ dbt.type_string() }}) as _source_file,
        cast(null as bigint) as _source_row,
        cast(null as {{ dbt.type_string() }}) as _dlt_load_id

)

select
    {{ as_text('failures.source') }} as source,
    {{ as_text('failures.table_name') }} as table_name,
    {{ as_text('failures._parse_failures') }} as _parse_failures,
    {{ as_text('failures._parse_digest') }} as _parse_digest,
    failures._source_file,
    failures._source_row,
    failures._dlt_load_id
from failures
where failures.source is not null
