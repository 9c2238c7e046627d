-- Single readings: what a sensor cannot measure, and what this node does not show at this hour; not merely unlikely, but off by a
-- share of the usual too, since a slow change is no fault of a reading (night_flow watches for leaks). The hours tell where to look, so
-- that the readings of the other hours are not read. What an event over hours explains is not told twice. Neighbouring
-- readings are one event.

{% set zone = var('abbanoa_timezone') %}
{% set ranges = {
    'flow': ['flow_lps', var('abbanoa_flow_range_lps')],
    'pressure': ['pressure_bar', var('abbanoa_pressure_range_bar')],
    'temperature': ['temperature_celsius', var('abbanoa_temperature_range_celsius')],
} %}
{% set threshold = var('abbanoa_outlier_threshold') %}
{% set share = var('abbanoa_outlier_share') %}
{% set limit = "greatest(" ~ threshold ~ " * baselines.scatter_lps, " ~ share ~ " * abs(baselines.usual_flow_lps))" %}

with

hours as (

    select
        windows.*,
        cast(date_trunc('week', cast(windows.local_date as timestamp)) as date) as week_start,
        cast(extract(hour from {{ utc_to_local('windows.window_start', zone) }}) as integer) as local_hour
    from {{ ref('int_sensor_windows') }} as windows
    where windows.time_window = '1hour'

),

periods as (

    select * from {{ ref('int_node_periods') }}

),

baselines as (

    select * from {{ ref('int_sensor_hour_baselines') }}

),

readings as (

    select * from {{ ref('fct_sensor_readings') }}

),

events_of_hours as (

    select * from {{ ref('int_anomalies_of_hours') }}

),

suspect_hours as (

    select
        hours.node_id,
        hours.district_id,
        hours.window_start,
        hours.window_end,
        baselines.usual_flow_lps,
        baselines.scatter_lps,
        coalesce(periods.expected_interval_minutes, 0) as interval_minutes
    from hours
    left join baselines
        on hours.node_id = baselines.node_id
        and hours.week_start = baselines.week_start
        and hours.local_hour = baselines.local_hour
        and baselines.hour_count >= {{ var('abbanoa_baseline_least_days') }}
    left join periods
        on hours.node_id = periods.node_id
        and hours.local_date >= periods.holds_from
        and hours.local_date < periods.holds_until
    where hours.out_of_range_count > 0
        or hours.max_flow_lps - baselines.usual_flow_lps > {{ limit }}
        or baselines.usual_flow_lps - hours.min_flow_lps > {{ limit }}

),

suspects as (

    select
        suspect_hours.*,
        readings.flow_lps,
        readings.pressure_bar,
        readings.temperature_celsius,
        readings.read_at
    from suspect_hours
    inner join readings
        on suspect_hours.node_id = readings.node_id
        and readings.read_at >= suspect_hours.window_start
        and readings.read_at < suspect_hours.window_end

),

hits as (

    {% for measure, (column, range) in ranges.items() %}
    select
        suspects.node_id,
        suspects.district_id,
        'out_of_range' as anomaly_type,
        '{{ measure }}' as measurement_type,
        suspects.{{ column }} as hit_value,
        cast(
            case when suspects.{{ column }} < {{ range[0] }} then {{ range[0] }} else {{ range[1] }} end
            as numeric(18, 6)
        ) as expected_value,
        cast(null as numeric(18, 6)) as scatter,
        suspects.interval_minutes,
        suspects.read_at
    from suspects
    where suspects.{{ column }} < {{ range[0] }}
        or suspects.{{ column }} > {{ range[1] }}

    union all
    {% endfor %}

    select
        suspects.node_id,
        suspects.district_id,
        'statistical_outlier' as anomaly_type,
        'flow' as measurement_type,
        suspects.flow_lps as hit_value,
        suspects.usual_flow_lps as expected_value,
        suspects.scatter_lps as scatter,
        suspects.interval_minutes,
        suspects.read_at
    from suspects
    where abs(suspects.flow_lps - suspects.usual_flow_lps)
        > greatest({{ threshold }} * suspects.scatter_lps, {{ share }} * abs(suspects.usual_flow_lps))
        and suspects.flow_lps between {{ ranges.flow[1][0] }} and {{ ranges.flow[1][1] }}

),

unexplained_hits as (

    select hits.*
    from hits
    left join events_of_hours
        on hits.node_id = events_of_hours.node_id
        and hits.measurement_type = events_of_hours.measurement_type
        and hits.read_at >= {{ dbt.dateadd('hour', -1, 'events_of_hours.starts_at') }}
        and hits.read_at < {{ dbt.dateadd('hour', 1, 'events_of_hours.ends_at') }}
        and (events_of_hours.anomaly_type = 'mismapped_pressure' or hits.hit_value = events_of_hours.actual_value)
    where events_of_hours.node_id is null

),

compared as (

    select
        unexplained_hits.*,
        {{ seconds_between('lag(unexplained_hits.read_at) over in_order', 'unexplained_hits.read_at') }}
        <= greatest(unexplained_hits.interval_minutes * 120, 1800) as is_continued
    from unexplained_hits
    window in_order as (
        partition by unexplained_hits.node_id, unexplained_hits.anomaly_type, unexplained_hits.measurement_type
        order by unexplained_hits.read_at nulls last
    )

),

numbered as (

    select
        compared.*,
        count(*) filter (where compared.is_continued is not true) over (
            partition by compared.node_id, compared.anomaly_type, compared.measurement_type
            order by compared.read_at nulls last
        ) as event_number
    from compared

),

ranked as (

    select
        numbered.*,
        row_number() over (
            partition by
                numbered.node_id, numbered.anomaly_type, numbered.measurement_type, numbered.event_number
            order by abs(numbered.hit_value - numbered.expected_value) desc nulls last, numbered.read_at nulls last
        ) as extremity
    from numbered

)

select
    ranked.node_id,
    max(ranked.district_id) as district_id,
    ranked.anomaly_type,
    ranked.measurement_type,
    max(ranked.hit_value) filter (where ranked.extremity = 1) as actual_value,
    max(ranked.expected_value) filter (where ranked.extremity = 1) as expected_value,
    max(ranked.scatter) filter (where ranked.extremity = 1) as scatter,
    count(*) as reading_count,
    min(ranked.read_at) as starts_at,
    max(ranked.read_at) + interval '1' minute * cast(greatest(max(ranked.interval_minutes), 1) as integer) as ends_at
from ranked
group by
    ranked.node_id,
    ranked.anomaly_type,
    ranked.measurement_type,
    ranked.event_number
