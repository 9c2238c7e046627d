-- The least hourly mean of what enters a zone between 02:00 and 05:00 local time. All meters of the zone that count as inputs
-- must have delivered all their readings in all hours of the night (two in spring, four in autumn, when the clocks change), and
-- none outside of what they can measure, else the night is unknown. A night is compared with the median of the known nights of the four weeks before it.

{% set zone = var('abbanoa_timezone') %}
{% set night = var('abbanoa_night_hours') %}
{% set flow_range = var('abbanoa_flow_range_lps') %}

with

hours as (

    select
        windows.node_id,
        windows.avg_flow_lps,
        windows.flow_reading_count >= windows.expected_reading_count
        and windows.min_flow_lps >= {{ flow_range[0] }}
        and windows.max_flow_lps <= {{ flow_range[1] }} as is_complete,
        windows.local_date,
        windows.window_start
    from {{ ref('int_sensor_windows') }} as windows
    where windows.time_window = '1hour'
        and extract(hour from {{ utc_to_local('windows.window_start', zone) }}) >= {{ night[0] }}
        and extract(hour from {{ utc_to_local('windows.window_start', zone) }}) < {{ night[1] }}

),

periods as (

    select * from {{ ref('int_node_periods') }}
    where node_type in ({{ text_list(var('abbanoa_input_types')) }})
        and district_id is not null

),

nights as (

    select
        days.local_date,
        cast({{ seconds_between(
            local_to_utc("cast(days.local_date as timestamp) + interval '" ~ (night[0] | int - 1) ~ "' hour", zone),
            local_to_utc("cast(days.local_date as timestamp) + interval '" ~ night[1] ~ "' hour", zone)
        ) }} / 3600 - 1 as integer) as hour_count
    from (select distinct hours.local_date from hours) as days

),

inputs as (

    select
        periods.node_id,
        periods.district_id,
        nights.local_date,
        nights.hour_count
    from nights
    inner join periods
        on nights.local_date >= periods.holds_from
        and nights.local_date < periods.holds_until
        and nights.local_date >= coalesce(periods.installation_date, nights.local_date)
        and periods.is_active is distinct from false

),

input_nights as (

    select
        inputs.district_id,
        inputs.local_date,
        inputs.node_id,
        max(inputs.hour_count) as hour_count,
        count(*) filter (where hours.is_complete) as complete_hour_count
    from inputs
    left join hours
        on inputs.node_id = hours.node_id
        and inputs.local_date = hours.local_date
    group by
        inputs.district_id,
        inputs.local_date,
        inputs.node_id

),

zone_nights as (

    select
        input_nights.district_id,
        input_nights.local_date,
        count(*) as input_count,
        count(*) filter (where input_nights.complete_hour_count = input_nights.hour_count) as complete_input_count,
        max(input_nights.hour_count) as hour_count
    from input_nights
    group by
        input_nights.district_id,
        input_nights.local_date

),

zone_hours as (

    select
        inputs.district_id,
        inputs.local_date,
        hours.window_start,
        sum(hours.avg_flow_lps) as inflow_lps
    from inputs
    inner join hours
        on inputs.node_id = hours.node_id
        and inputs.local_date = hours.local_date
    group by
        inputs.district_id,
        inputs.local_date,
        hours.window_start

),

least_hours as (

    select
        zone_nights.district_id,
        zone_nights.local_date,
        zone_nights.input_count,
        zone_nights.complete_input_count,
        zone_nights.hour_count,
        case
            when max(zone_nights.complete_input_count) = max(zone_nights.input_count) then min(zone_hours.inflow_lps)
        end as minimum_flow_lps,
        min(zone_hours.window_start) as starts_at,
        max(zone_hours.window_start) as last_hour_at
    from zone_nights
    left join zone_hours
        on zone_nights.district_id = zone_hours.district_id
        and zone_nights.local_date = zone_hours.local_date
    group by
        zone_nights.district_id,
        zone_nights.local_date,
        zone_nights.input_count,
        zone_nights.complete_input_count,
        zone_nights.hour_count

),

earlier_nights as (

    select
        least_hours.district_id,
        least_hours.local_date,
        earlier.minimum_flow_lps
    from least_hours
    inner join least_hours as earlier
        on least_hours.district_id = earlier.district_id
        and earlier.local_date < least_hours.local_date
        and earlier.local_date >= {{ add_days('least_hours.local_date', '-' ~ var('abbanoa_baseline_days')) }}
    where earlier.minimum_flow_lps is not null

),

usual_nights as (

    select
        earlier_nights.district_id,
        earlier_nights.local_date,
        count(*) as earlier_night_count,
        {{ middle('earlier_nights.minimum_flow_lps') }} as usual_flow_lps
    from earlier_nights
    group by
        earlier_nights.district_id,
        earlier_nights.local_date

),

scattered_nights as (

    select
        earlier_nights.district_id,
        earlier_nights.local_date,
        {{ middle('abs(earlier_nights.minimum_flow_lps - usual_nights.usual_flow_lps)') }} as deviation_lps
    from earlier_nights
    inner join usual_nights
        on earlier_nights.district_id = usual_nights.district_id
        and earlier_nights.local_date = usual_nights.local_date
    group by
        earlier_nights.district_id,
        earlier_nights.local_date

)

select
    least_hours.district_id,
    case
        when least_hours.complete_input_count < least_hours.input_count then 'incomplete_input'
    end as unknown_reason,
    cast(least_hours.minimum_flow_lps as numeric(18, 6)) as minimum_flow_lps,
    cast(usual_nights.usual_flow_lps as numeric(18, 6)) as usual_flow_lps,
    cast(scattered_nights.deviation_lps as numeric(18, 6)) as deviation_lps,
    cast(least_hours.minimum_flow_lps - usual_nights.usual_flow_lps as numeric(18, 6)) as rise_lps,
    least_hours.input_count,
    least_hours.complete_input_count,
    cast(coalesce(usual_nights.earlier_night_count, 0) as bigint) as earlier_night_count,
    least_hours.hour_count,
    least_hours.local_date,
    {{ local_to_utc("cast(least_hours.local_date as timestamp) + interval '" ~ night[1] ~ "' hour", zone) }}
    - interval '1' hour * least_hours.hour_count as starts_at,
    {{ local_to_utc("cast(least_hours.local_date as timestamp) + interval '" ~ night[1] ~ "' hour", zone) }} as ends_at
from least_hours
left join usual_nights
    on least_hours.district_id = usual_nights.district_id
    and least_hours.local_date = usual_nights.local_date
left join scattered_nights
    on least_hours.district_id = scattered_nights.district_id
    and least_hours.local_date = scattered_nights.local_date
