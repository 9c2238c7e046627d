-- Both shapes as one long series. `_changed_load_id` is the load that made the row what it is: its own, or that of the node list
-- that named the node of a logger's column.

with

table_readings as (

    select * from {{ ref('int_sensor_table_readings') }}

),

log_readings as (

    select * from {{ ref('int_sensor_log_readings') }}

)

select
    table_readings.node_id,
    table_readings.rejected_reason,
    table_readings.flow_lps,
    table_readings.pressure_bar,
    table_readings.pressure_2_bar,
    table_readings.temperature_celsius,
    table_readings.totaliser_m3,
    table_readings.delivered_quality_score,
    coalesce(table_readings.is_interpolated, false) as is_interpolated,
    table_readings.read_at,
    table_readings.ingested_at,
    table_readings._source_file,
    table_readings._source_row,
    table_readings._dlt_load_id,
    table_readings._dlt_load_id as _changed_load_id
from table_readings

union all

select
    log_readings.node_id,
    log_readings.rejected_reason,
    log_readings.flow_lps,
    log_readings.pressure_bar,
    log_readings.pressure_2_bar,
    log_readings.temperature_celsius,
    log_readings.totaliser_m3,
    cast(null as numeric(9, 6)) as delivered_quality_score,
    false as is_interpolated,
    log_readings.read_at,
    cast(null as timestamp) as ingested_at,
    log_readings._source_file,
    log_readings._source_row,
    log_readings._dlt_load_id,
    log_readings._changed_load_id
from log_readings
