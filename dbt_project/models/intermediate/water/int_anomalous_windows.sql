with

anomalies as (

    select * from {{ ref('anomalies') }}
    where node_id is not null

),

windows as (

    select * from {{ ref('int_sensor_windows') }}

)

select
    windows.node_id,
    windows.time_window,
    count(*) as anomaly_count,
    windows.window_start
from anomalies
inner join windows
    on anomalies.node_id = windows.node_id
    and anomalies.starts_at < windows.window_end
    and anomalies.ends_at > windows.window_start
group by
    windows.node_id,
    windows.time_window,
    windows.window_start
