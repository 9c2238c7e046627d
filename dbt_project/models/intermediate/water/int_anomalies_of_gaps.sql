-- From one reading's end to the next reading. A pause of an hour has its ends in two different hours, so the hours know every
-- one of them. A node that is silent at the end is told of later than one that returns: its next delivery may be on its way.
-- Where no list says how often a node reads, no pause is too long; a node that left the lists owes nothing from that day on.

{% set zone = var('abbanoa_timezone') %}

with

hours as (

    select
        windows.node_id,
        windows.district_id,
        windows.first_read_at,
        windows.last_read_at,
        windows.window_start,
        windows.local_date
    from {{ ref('int_sensor_windows') }} as windows
    where windows.time_window = '1hour'

),

periods as (

    select * from {{ ref('int_node_periods') }}

),

timed_hours as (

    select
        hours.*,
        cast(periods.expected_interval_minutes as integer) as interval_minutes
    from hours
    left join periods
        on hours.node_id = periods.node_id
        and hours.local_date >= periods.holds_from
        and hours.local_date < periods.holds_until

),

horizon as (

    select max(timed_hours.last_read_at + interval '1' minute * coalesce(timed_hours.interval_minutes, 0)) as ends_at
    from timed_hours

),

pauses as (

    select
        timed_hours.node_id,
        timed_hours.district_id,
        timed_hours.interval_minutes,
        timed_hours.last_read_at + interval '1' minute * timed_hours.interval_minutes as starts_at,
        lead(timed_hours.first_read_at) over (
            partition by timed_hours.node_id order by timed_hours.window_start nulls last
        ) as ends_at
    from timed_hours

),

departures as (

    select
        periods.node_id,
        {{ local_to_utc("cast(periods.holds_from as timestamp)", zone) }} as left_at
    from periods
    where not periods.is_listed
        and periods.holds_until = cast('9999-12-31' as date)

),

closed_pauses as (

    select
        pauses.node_id,
        pauses.district_id,
        pauses.interval_minutes,
        pauses.ends_at is null as is_open,
        pauses.starts_at,
        -- least() passes over nulls.
        coalesce(pauses.ends_at, least(horizon.ends_at, departures.left_at)) as ends_at
    from pauses
    cross join horizon
    left join departures on pauses.node_id = departures.node_id

)

select
    closed_pauses.node_id,
    closed_pauses.district_id,
    closed_pauses.is_open,
    cast({{ seconds_between('closed_pauses.starts_at', 'closed_pauses.ends_at') }} as bigint) as silent_s,
    closed_pauses.interval_minutes,
    closed_pauses.starts_at,
    closed_pauses.ends_at
from closed_pauses
where {{ seconds_between('closed_pauses.starts_at', 'closed_pauses.ends_at') }}
    >= case
        when closed_pauses.is_open then {{ var('abbanoa_silent_after_hours') }} * 3600
        else {{ var('abbanoa_gap_minutes') }} * 60
    end
