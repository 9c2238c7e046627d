-- Asked for: every half-hour of a meter from the first local day it was read to the data horizon, the end of the latest
-- interval that any meter delivered. Only days with fewer readings than the calendar has are opened; a day without any
-- reading is one run of missing half-hours and is never spelled out.

with

meter_days as (

    select * from {{ ref('daily_meterpoint_consumption') }}

),

half_hours as (

    select * from {{ ref('int_half_hours') }}

),

horizon as (

    select max(half_hours.interval_index) as last_index
    from half_hours
    inner join (
        select max(meter_days.last_ends_at) as ends_at
        from meter_days
        where meter_days.interval_count > 0
    ) as latest on half_hours.ends_at <= latest.ends_at

),

local_days as (

    select
        half_hours.local_date,
        min(half_hours.interval_index) as first_index,
        max(half_hours.interval_index) as last_index,
        count(*) as due_interval_count
    from half_hours
    cross join horizon
    where half_hours.interval_index <= horizon.last_index
    group by half_hours.local_date

),

meters as (

    select
        meter_days.meterpoint_id,
        min(meter_days.local_date) as first_local_date,
        sum(meter_days.interval_count) as interval_count
    from meter_days
    group by meter_days.meterpoint_id

),

due_counts as (

    select
        local_days.local_date,
        sum(local_days.due_interval_count) over (
            order by local_days.local_date desc nulls last
            rows between unbounded preceding and current row
        ) as due_interval_count
    from local_days

),

meters_with_gaps as (

    select meters.*
    from meters
    inner join due_counts on meters.first_local_date = due_counts.local_date
    where meters.interval_count <> due_counts.due_interval_count

),

short_days as (

    select
        meters_with_gaps.meterpoint_id,
        local_days.local_date,
        local_days.first_index,
        local_days.last_index,
        coalesce(meter_days._interval_bits, 0) as interval_bits
    from meters_with_gaps
    inner join local_days on meters_with_gaps.first_local_date <= local_days.local_date
    left join meter_days
        on meters_with_gaps.meterpoint_id = meter_days.meterpoint_id
        and local_days.local_date = meter_days.local_date
    where coalesce(meter_days.interval_count, 0) < local_days.due_interval_count

),

missing_half_hours as (

    select
        short_days.meterpoint_id,
        half_hours.interval_index,
        half_hours.interval_index - row_number() over (
            partition by short_days.meterpoint_id order by half_hours.interval_index nulls last
        ) as island
    from short_days
    inner join half_hours
        on short_days.local_date = half_hours.local_date
        and short_days.last_index >= half_hours.interval_index
    where short_days.interval_bits <> 0
        and (
            short_days.interval_bits
            & (cast(1 as bigint) << cast(half_hours.interval_number - 1 as integer))
        ) = 0

),

runs as (

    select
        missing_half_hours.meterpoint_id,
        min(missing_half_hours.interval_index) as first_index,
        max(missing_half_hours.interval_index) as last_index
    from missing_half_hours
    group by
        missing_half_hours.meterpoint_id,
        missing_half_hours.island

    union all

    select
        short_days.meterpoint_id,
        short_days.first_index,
        short_days.last_index
    from short_days
    where short_days.interval_bits = 0

),

run_starts as (

    select
        runs.*,
        case
            when lag(runs.last_index) over (
                partition by runs.meterpoint_id order by runs.first_index nulls last
            ) = runs.first_index - 1 then 0
            else 1
        end as is_start
    from runs

),

numbered_runs as (

    select
        run_starts.*,
        sum(run_starts.is_start) over (
            partition by run_starts.meterpoint_id
            order by run_starts.first_index nulls last
            rows between unbounded preceding and current row
        ) as gap_number
    from run_starts

),

gaps as (

    select
        numbered_runs.meterpoint_id,
        numbered_runs.gap_number,
        min(numbered_runs.first_index) as first_index,
        max(numbered_runs.last_index) as last_index
    from numbered_runs
    group by
        numbered_runs.meterpoint_id,
        numbered_runs.gap_number

)

select
    gaps.meterpoint_id,
    gaps.last_index - gaps.first_index + 1 as missing_interval_count,
    opening.local_date as first_local_date,
    closing.local_date as last_local_date,
    opening.starts_at,
    closing.ends_at
from gaps
inner join half_hours as opening on gaps.first_index = opening.interval_index
inner join half_hours as closing on gaps.last_index = closing.interval_index
