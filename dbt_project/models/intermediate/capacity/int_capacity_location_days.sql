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

-- A location that the best cycle of a gas day leaves out is not lost here: its line is that of the last cycle it stood in. A
-- posting landed later than one that replaces it changes that one's number only: no row of it says so, hence the postings do.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

capacity as (

    select * from {{ ref('fct_operational_capacity') }}
    {% if is_incremental() -%}
    where (asset, gas_day) in (
        select
            posted.asset,
            posted.gas_day
        from {{ ref('int_capacity_postings') }} as posted
        where posted._dlt_load_id > {{ watermark }}
    )
    {%- endif %}

),

best_postings as (

    select * from {{ ref('int_capacity_postings') }}
    where is_best_available

),

ranked as (

    select
        capacity.*,
        row_number() over (
            partition by capacity.location_key, capacity.gas_day
            order by capacity.cycle_order desc nulls last, {{ by_bytes('capacity.cycle_id') }} desc nulls last
        ) as cycles_later
    from capacity

)

select
    ranked.location_key,
    ranked.asset,
    ranked.loc,
    ranked.flow_direction,
    ranked.location_name,
    ranked.zone,
    ranked.quantity_reason,
    ranked.cycle_id,
    ranked.cycle_name,
    best_postings.cycle_id as best_cycle_id,
    best_postings.cycle_name as best_cycle_name,
    best_postings.posting_number as best_posting_number,
    ranked.design_capacity_dth,
    ranked.operating_capacity_dth,
    ranked.scheduled_quantity_dth,
    ranked.available_capacity_dth,
    ranked.cycle_id = best_postings.cycle_id as is_posted,
    ranked.gas_day,
    ranked.starts_at,
    ranked.ends_at,
    ranked._source_file,
    ranked._source_row,
    ranked._dlt_load_id
from ranked
inner join best_postings
    on ranked.asset = best_postings.asset
    and ranked.gas_day = best_postings.gas_day
where ranked.cycles_later = 1
