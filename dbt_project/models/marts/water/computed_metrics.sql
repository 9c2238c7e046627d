-- A view: the windows are incremental, the events that touch them are few and may change backwards.

with

windows as (

    select * from {{ ref('int_sensor_windows') }}

),

anomalous_windows as (

    select * from {{ ref('int_anomalous_windows') }}

)

select
    windows.node_id,
    windows.district_id,
    windows.time_window,
    windows.reading_count,
    windows.expected_reading_count,
    windows.out_of_range_count,
    windows.interpolated_count,
    windows.reset_count,
    coalesce(anomalous_windows.anomaly_count, 0) as anomaly_count,
    windows.avg_flow_lps,
    windows.min_flow_lps,
    windows.max_flow_lps,
    windows.avg_pressure_bar,
    windows.min_pressure_bar,
    windows.max_pressure_bar,
    windows.avg_temperature_celsius,
    windows.min_temperature_celsius,
    windows.max_temperature_celsius,
    windows.volume_m3,
    windows.unassigned_m3,
    windows.reset_m3,
    windows.covered_s,
    windows.completeness_pct,
    windows.quality_score,
    windows.local_date,
    windows.window_start,
    windows.window_end,
    windows._changed_load_id
from windows
left join anomalous_windows
    on windows.node_id = anomalous_windows.node_id
    and windows.time_window = anomalous_windows.time_window
    and windows.window_start = anomalous_windows.window_start
