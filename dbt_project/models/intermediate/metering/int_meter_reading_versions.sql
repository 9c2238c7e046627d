{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['meterpoint_id', 'starts_at'], ['_dlt_load_id']),
    )
}}

-- Every delivered reading, parsed once and never touched again: raw is append-only, so is this. Which of several versions
-- of one half-hour stands is not written here but in int_meter_reading_supersessions; rewriting rows of the history would
-- cost what the history costs.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

readings as (

    select * from {{ ref('stg_smart_meters__meter_readings') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

)

select
    readings.meterpoint_id,
    case
        when readings.meterpoint_id is null then 'no_meterpoint'
        when readings.starts_at is null then 'no_instant'
        when readings.consumption_kwh is null then 'no_quantity'
    end as rejected_reason,
    cast(readings.consumption_kwh as numeric(18, 6)) as consumption_kwh,
    readings.starts_at,
    readings.ends_at,
    readings._source_file,
    readings._source_row,
    readings._dlt_load_id,
    readings._parse_failures
from readings
