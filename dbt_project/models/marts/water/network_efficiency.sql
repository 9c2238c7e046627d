-- Per zone, and for the whole network, what its input meters let in and its output meters let out. A meter counts while a node
-- list names it as active and installed. Its volume is known when totaliser steps account for the whole window; a meter without
-- totaliser is taken by its mean flow when all its readings came and are within what it can measure. One unknown meter makes its side, and the share, unknown.

{% set inputs = text_list(var('abbanoa_input_types')) %}
{% set outputs = text_list(var('abbanoa_output_types')) %}
{% set flow_range = var('abbanoa_flow_range_lps') %}

with

periods as (

    select
        node_periods.*,
        case
            when node_periods.node_type in ({{ inputs }}) then 'input'
            when node_periods.node_type in ({{ outputs }}) then 'output'
        end as side
    from {{ ref('int_node_periods') }} as node_periods
    where node_periods.node_type in ({{ inputs }}, {{ outputs }})
        and node_periods.district_id is not null
        and node_periods.is_active is distinct from false

),

meter_windows as (

    select windows.*
    from {{ ref('int_sensor_windows') }} as windows
    where windows.time_window in ('1hour', '1day')

),

spans as (

    select
        meter_windows.time_window,
        meter_windows.local_date,
        meter_windows.window_start,
        meter_windows.window_end
    from meter_windows
    inner join periods
        on meter_windows.node_id = periods.node_id
        and meter_windows.local_date >= periods.holds_from
        and meter_windows.local_date < periods.holds_until
    group by
        meter_windows.time_window,
        meter_windows.local_date,
        meter_windows.window_start,
        meter_windows.window_end

),

measured as (

    select
        periods.district_id,
        periods.node_id,
        periods.side,
        spans.time_window,
        spans.local_date,
        spans.window_start,
        spans.window_end,
        cast({{ seconds_between('spans.window_start', 'spans.window_end') }} as bigint) as window_s,
        meter_windows.node_id is not null as is_read,
        coalesce(meter_windows.reset_count, 0) > 0 as is_reset,
        meter_windows.volume_m3,
        meter_windows.covered_s,
        meter_windows.avg_flow_lps,
        meter_windows.flow_reading_count >= meter_windows.expected_reading_count
        and meter_windows.min_flow_lps >= {{ flow_range[0] }}
        and meter_windows.max_flow_lps <= {{ flow_range[1] }} as has_all_flow
    from spans
    inner join periods
        on spans.local_date >= periods.holds_from
        and spans.local_date < periods.holds_until
        and spans.local_date >= coalesce(periods.installation_date, spans.local_date)
    left join meter_windows
        on periods.node_id = meter_windows.node_id
        and spans.time_window = meter_windows.time_window
        and spans.window_start = meter_windows.window_start

),

metered as (

    select
        measured.*,
        case
            when measured.covered_s = measured.window_s and not measured.is_reset then measured.volume_m3
            when measured.volume_m3 is null and measured.has_all_flow and not measured.is_reset
                then cast(measured.avg_flow_lps * measured.window_s * 0.001 as numeric(18, 6))
        end as known_m3
    from measured

),

scoped as (

    select
        'zone' as scope,
        metered.*
    from metered

    union all

    select
        'network' as scope,
        metered.*
    from metered

),

summed as (

    select
        scoped.scope,
        case when scoped.scope = 'zone' then scoped.district_id else 'network' end as district_id,
        scoped.time_window,
        sum(scoped.known_m3) filter (where scoped.side = 'input') as known_input_m3,
        sum(scoped.known_m3) filter (where scoped.side = 'output') as known_output_m3,
        count(*) as meter_count,
        count(scoped.known_m3) as known_meter_count,
        count(*) filter (where scoped.side = 'input') as input_count,
        count(*) filter (where scoped.side = 'output') as output_count,
        count(*) filter (where scoped.side = 'input' and scoped.known_m3 is null) as unknown_input_count,
        count(*) filter (where scoped.side = 'output' and scoped.known_m3 is null) as unknown_output_count,
        count(*) filter (where not scoped.is_read) as missing_count,
        count(*) filter (where scoped.is_reset) as reset_count,
        string_agg(
            case when scoped.known_m3 is null then scoped.node_id end, ' '
            order by {{ by_bytes('scoped.node_id') }} nulls last
        ) as unknown_meters,
        scoped.local_date,
        scoped.window_start,
        scoped.window_end
    from scoped
    group by
        scoped.scope,
        case when scoped.scope = 'zone' then scoped.district_id else 'network' end,
        scoped.time_window,
        scoped.local_date,
        scoped.window_start,
        scoped.window_end

),

balanced as (

    select
        summed.*,
        case
            when summed.input_count > 0 and summed.unknown_input_count = 0 then summed.known_input_m3
        end as input_m3,
        case
            when summed.output_count > 0 and summed.unknown_output_count = 0 then summed.known_output_m3
        end as output_m3
    from summed

)

select
    {{ as_text('balanced.scope') }} as scope,
    {{ as_text('balanced.district_id') }} as district_id,
    {{ as_text('balanced.time_window') }} as time_window,
    case
        when balanced.input_count = 0 then 'no_input_meter'
        when balanced.output_count = 0 then 'no_output_meter'
        when balanced.missing_count > 0 then 'missing_meter'
        when balanced.reset_count > 0 then 'totaliser_reset'
        when balanced.known_meter_count < balanced.meter_count then 'incomplete_meter'
        when balanced.input_m3 = 0 then 'no_input'
    end as unknown_reason,
    {{ as_text('balanced.unknown_meters') }} as unknown_meters,
    cast(balanced.input_m3 as numeric(18, 6)) as input_m3,
    cast(balanced.output_m3 as numeric(18, 6)) as output_m3,
    cast(balanced.input_m3 - balanced.output_m3 as numeric(18, 6)) as loss_m3,
    cast({{ ratio('balanced.output_m3 * 100', 'balanced.input_m3', 2) }} as numeric(18, 2)) as efficiency_pct,
    balanced.meter_count,
    balanced.known_meter_count,
    balanced.local_date,
    balanced.window_start,
    balanced.window_end
from balanced
