{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['asset', 'gas_day'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['asset', 'gas_day']),
    )
}}

-- A new cycle takes the mark of the best available one from another, so a gas day is written anew whole.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

capacity as (

    select * from {{ ref('fct_operational_capacity') }}
    {% if is_incremental() -%}
    where (asset, gas_day) in (
        select
            posted.asset,
            posted.gas_day
        from {{ ref('fct_operational_capacity') }} as posted
        where posted._dlt_load_id > {{ watermark }}
    )
    {%- endif %}

),

best_postings as (

    select * from {{ ref('int_capacity_postings') }}
    where is_best_available

)

select
    capacity.location_key,
    capacity.asset,
    capacity.cycle_id,
    capacity.cycle_name,
    capacity.loc,
    capacity.flow_direction,
    capacity.location_name,
    capacity.zone,
    capacity.operating_capacity_dth,
    capacity.scheduled_quantity_dth,
    capacity.available_capacity_dth,
    cast(
        {{ ratio('capacity.scheduled_quantity_dth', 'capacity.operating_capacity_dth', 6) }} as numeric(18, 6)
    ) as utilisation_ratio,
    case
        when capacity.is_nomination_capacity_exceeded then true
        when capacity.operating_capacity_dth is null then null
        when capacity.available_capacity_dth = 0 and capacity.operating_capacity_dth > 0 then true
        when capacity.scheduled_quantity_dth >= capacity.operating_capacity_dth
            and capacity.scheduled_quantity_dth > 0 then true
        when capacity.scheduled_quantity_dth is null and capacity.available_capacity_dth is null then null
        else false
    end as is_constrained,
    best_postings.cycle_id is not null as is_best_available,
    capacity.gas_day,
    capacity.starts_at,
    capacity.ends_at,
    capacity._dlt_load_id
from capacity
left join best_postings
    on capacity.asset = best_postings.asset
    and capacity.gas_day = best_postings.gas_day
    and capacity.cycle_id = best_postings.cycle_id
