{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Every raw table of every declared source, found by walking the project: nothing here is edited for a new one. Raw only
-- ever grows by loads, so each load is counted once.
-- depends_on: {{ source('landing', '_dlt_loads') }}

{% set marks = table_watermarks(this) %}

with

counted as (

    {% for table in raw_tables() -%}
    select
        '{{ table.source }}' as source,
        '{{ table.name }}' as table_name,
        count(*) as raw_rows,
        {{ as_text('_dlt_load_id') }} as _dlt_load_id
    from {{ table.relation }}
    where _dlt_load_id in ({{ completed_loads() }})
        and _dlt_load_id > '{{ marks.get(table.source ~ "." ~ table.name, "") }}'
    group by _dlt_load_id

    union all

    {% endfor -%}
    select
        cast(null as {{ dbt.type_string() }}) as source,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as bigint) as raw_rows,
        cast(null as {{ dbt.type_string() }}) as _dlt_load_id

)

select
    {{ as_text('counted.source') }} as source,
    {{ as_text('counted.table_name') }} as table_name,
    counted.raw_rows,
    counted._dlt_load_id
from counted
where counted.source is not null
