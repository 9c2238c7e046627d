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

-- Steps of a gas day are its postings in timetable order, re-posts after what they replace. A posting of any cycle can shift
-- the steps after it, so a gas day is written anew whole. A location that a posting leaves out has a line there too.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

lines as (

    select * from {{ ref('int_capacity_lines') }}
    where status = 'kept'

),

postings as (

    select * from {{ ref('int_capacity_postings') }}
    where not is_repeat
    {%- if is_incremental() %}
        and (asset, gas_day) in (
            select
                posted.asset,
                posted.gas_day
            from {{ ref('int_capacity_postings') }} as posted
            where posted._dlt_load_id > {{ watermark }}
        )
    {%- endif %}

),

posted as (

    select
        lines.location_key,
        lines.asset,
        lines.loc,
        lines.flow_direction,
        lines.location_name,
        lines.scheduled_quantity_dth,
        lines.gas_day,
        postings.step_number
    from lines
    inner join postings
        on lines.asset = postings.asset
        and lines.gas_day = postings.gas_day
        and lines.cycle_id = postings.cycle_id
        and lines._source_file = postings._source_file
        and lines._dlt_load_id = postings._dlt_load_id

),

neighbours as (

    select
        posted.*,
        lag(posted.step_number) over (
            partition by posted.location_key, posted.gas_day order by posted.step_number nulls last
        ) as previous_step_number,
        lag(posted.scheduled_quantity_dth) over (
            partition by posted.location_key, posted.gas_day order by posted.step_number nulls last
        ) as previous_scheduled_quantity_dth,
        lead(posted.step_number) over (
            partition by posted.location_key, posted.gas_day order by posted.step_number nulls last
        ) as next_step_number
    from posted

),

steps as (

    select
        neighbours.location_key,
        neighbours.asset,
        neighbours.loc,
        neighbours.flow_direction,
        neighbours.location_name,
        case
            when neighbours.step_number = 1 then 'first'
            when coalesce(neighbours.previous_step_number, 0) <> neighbours.step_number - 1 then 'appeared'
            when neighbours.scheduled_quantity_dth is null then 'unknown'
            when neighbours.previous_scheduled_quantity_dth is null then 'unknown'
            when neighbours.scheduled_quantity_dth = neighbours.previous_scheduled_quantity_dth then 'unchanged'
            else 'changed'
        end as change,
        neighbours.step_number,
        case
            when neighbours.previous_step_number = neighbours.step_number - 1
                then neighbours.previous_scheduled_quantity_dth
        end as previous_scheduled_quantity_dth,
        neighbours.scheduled_quantity_dth,
        neighbours.gas_day
    from neighbours

    union all

    select
        neighbours.location_key,
        neighbours.asset,
        neighbours.loc,
        neighbours.flow_direction,
        neighbours.location_name,
        'disappeared' as change,
        neighbours.step_number + 1 as step_number,
        neighbours.scheduled_quantity_dth as previous_scheduled_quantity_dth,
        cast(null as numeric(18, 3)) as scheduled_quantity_dth,
        neighbours.gas_day
    from neighbours
    where coalesce(neighbours.next_step_number, 0) <> neighbours.step_number + 1

)

-- The join keeps steps that were posted: what the last posting holds has not disappeared from one that has not come.
select
    steps.location_key,
    steps.asset,
    postings.cycle_id,
    postings.cycle_name,
    steps.loc,
    steps.flow_direction,
    steps.location_name,
    {{ as_text('steps.change') }} as change,
    steps.step_number,
    postings.posting_number,
    cast(steps.previous_scheduled_quantity_dth as numeric(18, 3)) as previous_scheduled_quantity_dth,
    cast(steps.scheduled_quantity_dth as numeric(18, 3)) as scheduled_quantity_dth,
    cast(
        case
            when steps.change in ('changed', 'unchanged')
                then steps.scheduled_quantity_dth - steps.previous_scheduled_quantity_dth
        end as numeric(18, 3)
    ) as scheduled_change_dth,
    postings.posting_number > 1 as is_repost,
    steps.gas_day,
    postings.downloaded_at,
    postings._source_file,
    postings._dlt_load_id
from steps
inner join postings
    on steps.asset = postings.asset
    and steps.gas_day = postings.gas_day
    and steps.step_number = postings.step_number
