select * from {{ ref('half_hourly_consumption') }}
where mapped_consumption_kwh + unmapped_consumption_kwh <> consumption_kwh
    or mapped_meterpoint_count + unmapped_meterpoint_count <> meterpoint_count
