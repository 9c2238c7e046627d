-- What shows only over hours: a sensor that repeats one value while water moves, a flow that stands at zero where it always
-- runs, a pressure that is a multiple of the flow. Neighbouring hours are one event.

{% set zone = var('abbanoa_timezone') %}
{% set tolerance = var('abbanoa_mismapped_tolerance') %}

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

moving_zones as (

    select
        hours.district_id,
        hours.window_start,
        count(*) as moving_count
    from hours
    where hours.max_flow_lps > hours.min_flow_lps
    group by
        hours.district_id,
        hours.window_start

),

known_hours as (

    select
        hours.node_id,
        hours.district_id,
        hours.window_start,
        hours.window_end,
        hours.reading_count,
        hours.min_flow_lps,
        hours.max_flow_lps,
        hours.min_pressure_bar,
        hours.max_pressure_bar,
        baselines.usual_flow_lps,
        coalesce(hours.max_flow_lps > hours.min_flow_lps, false) as is_flow_moving,
        -- Its own counter moves on, or other sensors of the zone say that water moves.
        coalesce(hours.volume_m3 > 0, false) or moving_zones.moving_count > 0 as is_water_moving,
        periods.node_type in ({{ text_list(var('abbanoa_storage_types')) }}) as is_storage,
        baselines.usual_flow_lps > 3 * baselines.scatter_lps as is_always_flowing,
        hours.reading_count > 1
        and hours.max_flow_lps > 0
        and hours.max_pressure_bar > 0
        and abs(
            cast(hours.min_pressure_bar as double precision) * cast(hours.max_flow_lps as double precision)
            - cast(hours.max_pressure_bar as double precision) * cast(hours.min_flow_lps as double precision)
        ) <= {{ tolerance }} * cast(hours.max_pressure_bar as double precision)
        * cast(hours.max_flow_lps as double precision)
        and abs(
            cast(hours.avg_pressure_bar as double precision) * cast(hours.max_flow_lps as double precision)
            - cast(hours.max_pressure_bar as double precision) * cast(hours.avg_flow_lps as double precision)
        ) <= {{ tolerance }} * cast(hours.max_pressure_bar as double precision)
        * cast(hours.max_flow_lps as double precision) as is_proportional
    from hours
    left join periods
        on hours.node_id = periods.node_id
        and hours.local_date >= periods.holds_from
        and hours.local_date < periods.holds_until
    left join baselines
        on hours.node_id = baselines.node_id
        and hours.week_start = baselines.week_start
        and hours.local_hour = baselines.local_hour
    left join moving_zones
        on hours.district_id = moving_zones.district_id
        and hours.window_start = moving_zones.window_start

),

hits as (

    select
        known_hours.*,
        'flat_line' as anomaly_type,
        'flow' as measurement_type,
        known_hours.max_flow_lps as hit_value,
        known_hours.usual_flow_lps as expected_value
    from known_hours
    where known_hours.min_flow_lps = known_hours.max_flow_lps
        and known_hours.max_flow_lps <> 0
        and known_hours.is_water_moving
        and known_hours.is_storage is distinct from true

    union all

    select
        known_hours.*,
        'flat_line' as anomaly_type,
        'pressure' as measurement_type,
        known_hours.max_pressure_bar as hit_value,
        cast(null as numeric(18, 6)) as expected_value
    from known_hours
    where known_hours.min_pressure_bar = known_hours.max_pressure_bar
        and known_hours.max_pressure_bar <> 0
        and known_hours.is_flow_moving
        and known_hours.is_storage is distinct from true

    union all

    select
        known_hours.*,
        'no_flow' as anomaly_type,
        'flow' as measurement_type,
        known_hours.max_flow_lps as hit_value,
        known_hours.usual_flow_lps as expected_value
    from known_hours
    where known_hours.min_flow_lps = 0
        and known_hours.max_flow_lps = 0
        and known_hours.is_always_flowing
        and known_hours.is_storage is distinct from true

    union all

    select
        known_hours.*,
        'mismapped_pressure' as anomaly_type,
        'pressure' as measurement_type,
        cast({{ ratio('known_hours.max_pressure_bar', 'known_hours.max_flow_lps', 6) }} as numeric(18, 6)) as hit_value,
        cast(null as numeric(18, 6)) as expected_value
    from known_hours
    where known_hours.is_proportional

),

compared as (

    select
        hits.*,
        lag(hits.window_end) over in_order = hits.window_start
        and abs(lag(hits.hit_value) over in_order - hits.hit_value)
        <= case when hits.anomaly_type = 'mismapped_pressure' then {{ tolerance }} * hits.hit_value else 0 end
            as is_continued
    from hits
    window in_order as (
        partition by hits.node_id, hits.anomaly_type, hits.measurement_type order by hits.window_start nulls last
    )

),

numbered as (

    select
        compared.*,
        count(*) filter (where compared.is_continued is not true) over (
            partition by compared.node_id, compared.anomaly_type, compared.measurement_type
            order by compared.window_start nulls last
        ) as event_number
    from compared

)

select
    numbered.node_id,
    max(numbered.district_id) as district_id,
    numbered.anomaly_type,
    numbered.measurement_type,
    max(numbered.hit_value) as actual_value,
    {{ middle('numbered.expected_value') }} as expected_value,
    count(*) as hour_count,
    cast(sum(numbered.reading_count) as bigint) as reading_count,
    min(numbered.window_start) as starts_at,
    max(numbered.window_end) as ends_at
from numbered
group by
    numbered.node_id,
    numbered.anomaly_type,
    numbered.measurement_type,
    numbered.event_number
having count(*) >= case numbered.anomaly_type
        when 'flat_line' then {{ var('abbanoa_flat_line_hours') }}
        when 'no_flow' then {{ var('abbanoa_no_flow_hours') }}
        else {{ var('abbanoa_mismapped_hours') }}
    end
    -- A pressure that is proportional to a flow that stands still is no finding.
    and (
        numbered.anomaly_type <> 'mismapped_pressure'
        or max(numbered.max_flow_lps) > 1.05 * min(numbered.min_flow_lps)
    )
