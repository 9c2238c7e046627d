-- Every node on every local day from its first reading to the last day that any node was read, silent days too.

{% set zone = var('abbanoa_timezone') %}

with

node_days as (

    select * from {{ ref('int_sensor_windows') }}
    where time_window = '1day'

),

periods as (

    select * from {{ ref('int_node_periods') }}

),

supersessions as (

    select * from {{ ref('int_sensor_reading_supersessions') }}
    where reason <> 'none'

),

rejected_readings as (

    select * from {{ ref('int_sensor_reading_versions') }}
    where rejected_reason = 'no_measure'

),

horizon as (

    select max(node_days.local_date) as last_local_date
    from node_days

),

spans as (

    select
        node_days.node_id,
        min(node_days.local_date) as first_local_date
    from node_days
    group by node_days.node_id

),

all_days as (

    {{ instants(
        "(select min(local_date) from " ~ ref('int_sensor_windows') ~ ")",
        "(select max(local_date) + 1 from " ~ ref('int_sensor_windows') ~ ")",
        '1 day'
    ) }}

),

local_days as (

    select
        cast(all_days.instant as date) as local_date,
        cast({{ seconds_between(
            local_to_utc("cast(cast(all_days.instant as date) as timestamp)", zone),
            local_to_utc("cast(" ~ add_days('all_days.instant', 1) ~ " as timestamp)", zone)
        ) }} as bigint) as day_s
    from all_days

),

calendar as (

    select
        spans.node_id,
        local_days.local_date,
        periods.district_id,
        case
            when periods.expected_interval_minutes > 0
                then greatest(1, cast(floor(
                    cast(local_days.day_s as numeric(18, 6)) / (periods.expected_interval_minutes * 60)
                ) as bigint))
        end as expected_reading_count
    from spans
    cross join horizon
    inner join local_days
        on spans.first_local_date <= local_days.local_date
        and horizon.last_local_date >= local_days.local_date
    left join periods
        on spans.node_id = periods.node_id
        and local_days.local_date >= periods.holds_from
        and local_days.local_date < periods.holds_until

),

superseded_days as (

    select
        supersessions.node_id,
        {{ local_date('supersessions.read_at', zone) }} as local_date,
        count(*) filter (where supersessions.reason = 'duplicate') as duplicate_count,
        count(*) filter (where supersessions.reason = 'restated') as restated_count
    from supersessions
    group by
        supersessions.node_id,
        {{ local_date('supersessions.read_at', zone) }}

),

rejected_days as (

    select
        rejected_readings.node_id,
        {{ local_date('rejected_readings.read_at', zone) }} as local_date,
        count(*) as rejected_count
    from rejected_readings
    group by
        rejected_readings.node_id,
        {{ local_date('rejected_readings.read_at', zone) }}

)

select
    calendar.node_id,
    calendar.district_id,
    calendar.expected_reading_count,
    coalesce(node_days.reading_count, 0) as reading_count,
    coalesce(superseded_days.duplicate_count, 0) as duplicate_count,
    coalesce(superseded_days.restated_count, 0) as restated_count,
    coalesce(rejected_days.rejected_count, 0) as rejected_count,
    coalesce(node_days.late_count, 0) as late_count,
    coalesce(node_days.out_of_range_count, 0) as out_of_range_count,
    coalesce(node_days.interpolated_count, 0) as interpolated_count,
    coalesce(node_days.reset_count, 0) as reset_count,
    cast(
        case
            when coalesce(node_days.reading_count, 0) >= calendar.expected_reading_count then 100
            else {{ ratio('coalesce(node_days.reading_count, 0) * 100', 'calendar.expected_reading_count', 2) }}
        end as numeric(5, 2)
    ) as completeness_pct,
    node_days.quality_score,
    case
        when node_days.quality_score > 0.9 then 'high'
        when node_days.quality_score >= 0.5 then 'acceptable'
        when node_days.quality_score is not null then 'low'
        else 'none'
    end as quality_band,
    calendar.local_date
from calendar
left join node_days
    on calendar.node_id = node_days.node_id
    and calendar.local_date = node_days.local_date
left join superseded_days
    on calendar.node_id = superseded_days.node_id
    and calendar.local_date = superseded_days.local_date
left join rejected_days
    on calendar.node_id = rejected_days.node_id
    and calendar.local_date = rejected_days.local_date
