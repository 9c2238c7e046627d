-- A meter point that only an agreement or a reading names has a line too, so that no fact is lost by a join.

with

meterpoints as (

    select * from {{ ref('stg_smart_meters__meterpoints') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}

),

agreement_periods as (

    select * from {{ ref('int_agreement_periods') }}

),

meter_days as (

    select * from {{ ref('daily_meterpoint_consumption') }}

),

delivered_meterpoints as (

    select
        meterpoints.meterpoint_id,
        meterpoints.region,
        row_number() over (
            partition by meterpoints.meterpoint_id order by meterpoints._source_row desc nulls last
        ) as meterpoint_rank
    from meterpoints
    inner join deliveries
        on deliveries.table_name = 'meterpoints'
        and deliveries.is_current
        and meterpoints._dlt_load_id = deliveries._dlt_load_id
        and meterpoints._source_file = deliveries._source_file
    where meterpoints.meterpoint_id is not null

),

agreed_meterpoints as (

    select
        agreement_periods.meterpoint_id,
        count(*) as agreement_count
    from agreement_periods
    where agreement_periods.meterpoint_id is not null
    group by agreement_periods.meterpoint_id

),

read_meterpoints as (

    select
        meter_days.meterpoint_id,
        count(*) as read_day_count,
        min(meter_days.local_date) as first_read_date,
        max(meter_days.local_date) as last_read_date
    from meter_days
    group by meter_days.meterpoint_id

),

named_meterpoints as (

    select delivered_meterpoints.meterpoint_id from delivered_meterpoints
    union
    select agreed_meterpoints.meterpoint_id from agreed_meterpoints
    union
    select read_meterpoints.meterpoint_id from read_meterpoints

)

select
    named_meterpoints.meterpoint_id,
    delivered_meterpoints.region,
    coalesce(agreed_meterpoints.agreement_count, 0) as agreement_count,
    coalesce(read_meterpoints.read_day_count, 0) as read_day_count,
    delivered_meterpoints.meterpoint_id is not null as is_delivered,
    read_meterpoints.first_read_date,
    read_meterpoints.last_read_date
from named_meterpoints
left join delivered_meterpoints
    on named_meterpoints.meterpoint_id = delivered_meterpoints.meterpoint_id
    and delivered_meterpoints.meterpoint_rank = 1
left join agreed_meterpoints on named_meterpoints.meterpoint_id = agreed_meterpoints.meterpoint_id
left join read_meterpoints on named_meterpoints.meterpoint_id = read_meterpoints.meterpoint_id
