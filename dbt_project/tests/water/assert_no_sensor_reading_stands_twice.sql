-- (node, instant) is the grain of fct_sensor_readings. A whole history is not grouped by it: only where a node has more readings in
-- an hour than distinct minutes (each minute is one bit) can an instant stand twice.
with

minute_bits as (

    select
        readings.node_id,
        date_trunc('hour', readings.read_at) as utc_hour,
        cast(1 as bigint) << cast(extract(minute from readings.read_at) as integer) as minute_bit
    from {{ ref('fct_sensor_readings') }} as readings

),

crowded_hours as (

    select
        minute_bits.node_id,
        minute_bits.utc_hour
    from minute_bits
    group by
        minute_bits.node_id,
        minute_bits.utc_hour
    having sum(minute_bits.minute_bit) > bit_or(minute_bits.minute_bit)

)

select
    readings.node_id,
    readings.read_at
from crowded_hours
inner join {{ ref('fct_sensor_readings') }} as readings
    on crowded_hours.node_id = readings.node_id
    and readings.read_at >= crowded_hours.utc_hour
    and readings.read_at < crowded_hours.utc_hour + interval '1' hour
group by
    readings.node_id,
    readings.read_at
having count(*) > 1
