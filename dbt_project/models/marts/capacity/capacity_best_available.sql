with

location_days as (

    select * from {{ ref('int_capacity_location_days') }}

)

select
    location_days.location_key,
    location_days.asset,
    location_days.best_cycle_id as cycle_id,
    location_days.best_cycle_name as cycle_name,
    location_days.loc,
    location_days.flow_direction,
    location_days.location_name,
    location_days.zone,
    case when location_days.is_posted then location_days.quantity_reason end as quantity_reason,
    location_days.cycle_id as last_posted_cycle_id,
    location_days.best_posting_number as posting_number,
    case when location_days.is_posted then location_days.design_capacity_dth end as design_capacity_dth,
    case when location_days.is_posted then location_days.operating_capacity_dth end as operating_capacity_dth,
    case when location_days.is_posted then location_days.scheduled_quantity_dth end as scheduled_quantity_dth,
    case when location_days.is_posted then location_days.available_capacity_dth end as available_capacity_dth,
    location_days.is_posted,
    location_days.gas_day,
    location_days.starts_at,
    location_days.ends_at,
    location_days._source_file,
    location_days._source_row,
    location_days._dlt_load_id
from location_days
