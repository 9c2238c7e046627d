select half_hourly_consumption.* from {{ ref('half_hourly_consumption') }} as half_hourly_consumption
