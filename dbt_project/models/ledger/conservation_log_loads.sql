{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- What raw says of logger files, added up once per load: cells, and cells with a number, which is read by a pattern of the ledger's
-- own and not by the parse macro.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

raw_texts as (

    select
        sensor_logs._dlt_load_id,
        sensor_logs.value as value_text,
        count(*) as raw_rows
    from {{ source('abbanoa', 'sensor_logs') }} as sensor_logs
    where sensor_logs._dlt_load_id in ({{ completed_loads() }})
        {% if is_incremental() -%}
        and sensor_logs._dlt_load_id > {{ watermark }}
        {%- endif %}
    group by
        sensor_logs._dlt_load_id,
        sensor_logs.value

),

raw_numbers as (

    select
        raw_texts._dlt_load_id,
        raw_texts.raw_rows,
        trim(raw_texts.value_text) similar to '[-+]?([0-9]{1,12}|[0-9]{1,3}([.][0-9]{3}){1,3})(,[0-9]*)?'
        or trim(raw_texts.value_text) similar to '[-+]?,[0-9]+' as is_number
    from raw_texts

)

select
    {{ as_text('raw_numbers._dlt_load_id') }} as _dlt_load_id,
    cast(sum(raw_numbers.raw_rows) as bigint) as raw_rows,
    cast(coalesce(sum(raw_numbers.raw_rows) filter (where raw_numbers.is_number), 0) as bigint) as raw_values
from raw_numbers
group by raw_numbers._dlt_load_id
