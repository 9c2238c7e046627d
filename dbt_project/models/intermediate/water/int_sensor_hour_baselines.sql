-- What a node's flow is used to be in an hour of the local day, week by week (Mondays): the median of the hourly means over the
-- four weeks before, and how far they scatter: their median absolute deviation and the usual half-width of such an hour. A node's
-- first weeks are measured by the first four weeks themselves. Medians are the lower of two middle values: no double is needed.

{% set zone = var('abbanoa_timezone') %}
{% set baseline_days = var('abbanoa_baseline_days') %}

with

hours as (

    select
        windows.node_id,
        windows.avg_flow_lps,
        windows.max_flow_lps - windows.min_flow_lps as flow_width_lps,
        windows.local_date,
        cast(extract(hour from {{ utc_to_local('windows.window_start', zone) }}) as integer) as local_hour
    from {{ ref('int_sensor_windows') }} as windows
    where windows.time_window = '1hour'
        and windows.avg_flow_lps is not null

),

spans as (

    select
        hours.node_id,
        min(hours.local_date) as first_local_date
    from hours
    group by hours.node_id

),

weeks as (

    select
        hours.node_id,
        cast(date_trunc('week', cast(hours.local_date as timestamp)) as date) as week_start,
        min(spans.first_local_date) as first_local_date
    from hours
    inner join spans on hours.node_id = spans.node_id
    group by
        hours.node_id,
        cast(date_trunc('week', cast(hours.local_date as timestamp)) as date)

),

periods as (

    select
        weeks.node_id,
        weeks.week_start,
        greatest({{ add_days('weeks.week_start', '-' ~ baseline_days) }}, weeks.first_local_date) as learned_from,
        greatest(weeks.week_start, {{ add_days('weeks.first_local_date', baseline_days) }}) as learned_until
    from weeks

),

learned as (

    select
        periods.node_id,
        periods.week_start,
        hours.local_hour,
        hours.avg_flow_lps,
        hours.flow_width_lps
    from periods
    inner join hours
        on periods.node_id = hours.node_id
        and hours.local_date >= periods.learned_from
        and hours.local_date < periods.learned_until

),

centers as (

    select
        learned.node_id,
        learned.week_start,
        learned.local_hour,
        count(*) as hour_count,
        {{ middle('learned.avg_flow_lps') }} as usual_flow_lps,
        {{ middle('learned.flow_width_lps') }} as usual_width_lps
    from learned
    group by
        learned.node_id,
        learned.week_start,
        learned.local_hour

),

deviations as (

    select
        learned.node_id,
        learned.week_start,
        learned.local_hour,
        {{ middle('abs(learned.avg_flow_lps - centers.usual_flow_lps)') }} as deviation_lps
    from learned
    inner join centers
        on learned.node_id = centers.node_id
        and learned.week_start = centers.week_start
        and learned.local_hour = centers.local_hour
    group by
        learned.node_id,
        learned.week_start,
        learned.local_hour

)

select
    centers.node_id,
    centers.week_start,
    centers.local_hour,
    centers.hour_count,
    centers.usual_flow_lps,
    deviations.deviation_lps,
    -- 1.4826 makes a standard deviation of a median absolute one. No scatter at all would make everything an outlier.
    cast(greatest(
        1.4826 * deviations.deviation_lps + 0.5 * centers.usual_width_lps,
        0.02 * abs(centers.usual_flow_lps),
        0.05
    ) as numeric(18, 6)) as scatter_lps
from centers
inner join deviations
    on centers.node_id = deviations.node_id
    and centers.week_start = deviations.week_start
    and centers.local_hour = deviations.local_hour
