{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- What each logger file holds, column by column: raw is append-only, so a file is looked at once.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

logs as (

    select * from {{ ref('stg_abbanoa__sensor_logs') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

)

select
    logs.node_id,
    logs.channel,
    logs.unit,
    count(*) as cell_count,
    count(logs.logged_value) as value_count,
    min(logs._source_row) as first_source_row,
    logs._source_file,
    logs._dlt_load_id
from logs
group by
    logs.node_id,
    logs.channel,
    logs.unit,
    logs._source_file,
    logs._dlt_load_id
