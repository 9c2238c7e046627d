{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['node_id', 'read_at'], ['_dlt_load_id']),
    )
}}

-- Every delivered row of the sensor table, parsed once and never touched again. Which of several versions of one instant stands
-- is written in int_sensor_reading_supersessions. A stamp beyond the day after its landing is a broken clock: taken for true, it
-- would make every other node silent until then.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

readings as (

    select * from {{ ref('stg_abbanoa__sensor_readings') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

first_of_repeated as (

    select * from {{ ref('int_sensor_repeated_hours') }}
    where occurrence = 1

),

loads as (

    {{ load_times() }}

)

select
    readings.node_id,
    case
        when readings.node_id is null then 'no_node'
        when readings.read_at is null then 'no_instant'
        when readings.read_at > loads.landed_at + interval '1' day then 'in_the_future'
        when coalesce(
            readings.flow_lps, readings.pressure_bar, readings.pressure_2_bar, readings.temperature_celsius,
            readings.totaliser_m3
        ) is null then 'no_measure'
    end as rejected_reason,
    cast(readings.flow_lps as numeric(18, 6)) as flow_lps,
    cast(readings.pressure_bar as numeric(18, 6)) as pressure_bar,
    cast(readings.pressure_2_bar as numeric(18, 6)) as pressure_2_bar,
    cast(readings.temperature_celsius as numeric(18, 6)) as temperature_celsius,
    cast(readings.totaliser_m3 as numeric(18, 6)) as totaliser_m3,
    cast(readings.delivered_quality_score as numeric(9, 6)) as delivered_quality_score,
    readings.is_interpolated,
    case
        when first_of_repeated._source_row is not null then {{ dbt.dateadd('hour', -1, 'readings.read_at') }}
        else readings.read_at
    end as read_at,
    readings.ingested_at,
    readings._source_file,
    readings._source_row,
    readings._dlt_load_id,
    readings._parse_failures
from readings
left join first_of_repeated
    on readings._source_row = first_of_repeated._source_row
    and readings._source_file = first_of_repeated._source_file
    and readings._dlt_load_id = first_of_repeated._dlt_load_id
left join loads on readings._dlt_load_id = loads.load_id
