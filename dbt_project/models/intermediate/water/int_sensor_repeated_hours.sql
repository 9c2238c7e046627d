{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Rows of the sensor table whose stamp bears no offset and falls into the hour that the clocks repeat; staging takes them for
-- the later one. In a file the first of a node's stamp is summer time. A table of its own because it is nearly always empty: to
-- number the rows of a whole history would sort it.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}
{% set zone = var('abbanoa_timezone') %}

with

readings as (

    select * from {{ ref('stg_abbanoa__sensor_readings') }}
    where is_local_stamp
        and {{ is_repeated_hour('read_at', zone) }}
        {% if is_incremental() -%}
        and _dlt_load_id > {{ watermark }}
        {%- endif %}

)

select
    row_number() over (
        partition by readings._dlt_load_id, readings._source_file, readings.node_id, readings.read_at
        order by readings._source_row nulls last
    ) as occurrence,
    readings._source_file,
    readings._source_row,
    readings._dlt_load_id
from readings
