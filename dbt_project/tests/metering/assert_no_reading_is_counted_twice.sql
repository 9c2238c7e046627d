-- (meter point, interval start) is the grain of fct_meter_readings. Within a meter's day, half-hours read and half-hours
-- with a bit are the same number exactly when none came twice; off the grid the rows themselves are few.
select
    daily.meterpoint_id,
    cast(daily.local_date as timestamp) as starts_at
from {{ ref('daily_meterpoint_consumption') }} as daily
where daily.interval_count <> {{ bit_count('daily._interval_bits') }}

union all

select
    readings.meterpoint_id,
    readings.starts_at
from {{ ref('fct_meter_readings') }} as readings
where not readings.is_on_grid
group by
    readings.meterpoint_id,
    readings.starts_at
having count(*) > 1
