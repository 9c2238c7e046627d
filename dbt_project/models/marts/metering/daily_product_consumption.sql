with

meter_days as (

    select * from {{ ref('daily_meterpoint_consumption') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

named_meter_days as (

    select
        meter_days.*,
        case
            when not meter_days.has_agreement then 'unmapped'
            else coalesce(products.display_name, 'unknown product')
        end as product_display_name
    from meter_days
    left join products on meter_days.product_id = products.product_id

)

select
    named_meter_days.product_display_name,
    cast(sum(named_meter_days.consumption_kwh) as numeric(18, 6)) as consumption_kwh,
    count(*) as meterpoint_count,
    count(*) filter (where named_meter_days.is_complete) as complete_meterpoint_count,
    cast(sum(named_meter_days.reading_count) as bigint) as reading_count,
    cast(sum(named_meter_days.interval_count) as bigint) as interval_count,
    cast(sum(named_meter_days.expected_interval_count) as bigint) as expected_interval_count,
    cast(sum(named_meter_days.negative_reading_count) as bigint) as negative_reading_count,
    named_meter_days.local_date
from named_meter_days
group by
    named_meter_days.product_display_name,
    named_meter_days.local_date
