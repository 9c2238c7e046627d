{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['node_id', 'local_date'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        partition_by_month={'column': 'window_start', 'months_in': 'fct_sensor_readings', 'months_by': 'read_at'},
        indexes=row_indexes(['node_id', 'local_date'], ['time_window', 'window_start']),
    )
}}

-- A node's local day is written anew, all its windows, when one of its readings, one of the nearest day before or after with a
-- totaliser, or what the node lists say of the node changed since the last run.
--
-- Volume. Between two readings of the totaliser flows their difference. A fall, and a rise that the largest possible flow could not
-- have made, is a counter that was reset or exchanged: that step is counted in reset_count and its difference stands in reset_m3.
-- A step with both ends within a window (its end included) belongs to it, however long. One across the boundary of two
-- neighbouring windows is divided by time if it is no longer than one and a half intervals; any other belongs to no window
-- of that size and stands as unassigned_m3 where it ends. `covered_s` is the part of the window that the volume accounts for.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}
{% set zone = var('abbanoa_timezone') %}
{% set most_lps = var('abbanoa_flow_range_lps')[1] %}
{% set windows = {
    '5min': {
        'starts': "windowed.five_minutes",
        'ends': "windowed.five_minutes + interval '5' minute",
        'follows': "windowed.previous_read_at >= windowed.five_minutes - interval '5' minute",
        'leads': "windowed.next_read_at < windowed.five_minutes + interval '10' minute",
    },
    '1hour': {
        'starts': "windowed.utc_hour",
        'ends': "windowed.utc_hour + interval '1' hour",
        'follows': "windowed.previous_read_at >= windowed.utc_hour - interval '1' hour",
        'leads': "windowed.next_read_at < windowed.utc_hour + interval '2' hour",
    },
    '1day': {
        'starts': "windowed.day_starts_at",
        'ends': "windowed.day_ends_at",
        'follows': "windowed.previous_local_date >= " ~ add_days('windowed.local_date', -1),
        'leads': "windowed.next_local_date <= " ~ add_days('windowed.local_date', 1),
    },
} %}
{% set measures = ['flow_lps', 'pressure_bar', 'temperature_celsius'] %}

with

periods as (

    select * from {{ ref('int_node_periods') }}

),

{% if is_incremental() -%}
changed_days as (

    select
        changed.node_id,
        changed.local_date
    from {{ ref('fct_sensor_readings') }} as changed
    where changed._changed_load_id > {{ watermark }}
    group by
        changed.node_id,
        changed.local_date

),

known_days as (

    select
        stored.node_id,
        stored.local_date,
        stored.totaliser_reading_count
    from {{ this }} as stored
    left join changed_days
        on stored.node_id = changed_days.node_id
        and stored.local_date = changed_days.local_date
    where stored.time_window = '1day'
        and changed_days.node_id is null

    union all

    select
        changed_days.node_id,
        changed_days.local_date,
        count(counted.totaliser_m3) as totaliser_reading_count
    from changed_days
    inner join {{ ref('fct_sensor_readings') }} as counted
        on changed_days.local_date = counted.local_date
        and changed_days.node_id = counted.node_id
    group by
        changed_days.node_id,
        changed_days.local_date

),

-- The chain of the totaliser passes over days that only have other measures.
neighbours as (

    select
        known_days.node_id,
        known_days.local_date,
        max(case when known_days.totaliser_reading_count > 0 then known_days.local_date end) over (
            partition by known_days.node_id
            order by known_days.local_date nulls last
            rows between unbounded preceding and 1 preceding
        ) as previous_local_date,
        min(case when known_days.totaliser_reading_count > 0 then known_days.local_date end) over (
            partition by known_days.node_id
            order by known_days.local_date nulls last
            rows between 1 following and unbounded following
        ) as next_local_date
    from known_days

),

rewritten_days as (

    select
        changed_days.node_id,
        changed_days.local_date
    from changed_days

    union

    select
        neighbours.node_id,
        neighbours.previous_local_date as local_date
    from neighbours
    inner join changed_days
        on neighbours.node_id = changed_days.node_id
        and neighbours.local_date = changed_days.local_date
    where neighbours.previous_local_date is not null

    union

    select
        neighbours.node_id,
        neighbours.next_local_date as local_date
    from neighbours
    inner join changed_days
        on neighbours.node_id = changed_days.node_id
        and neighbours.local_date = changed_days.local_date
    where neighbours.next_local_date is not null

    union

    select
        known_days.node_id,
        known_days.local_date
    from known_days
    where known_days.node_id in (
        select periods.node_id
        from periods
        where periods._changed_load_id > {{ watermark }}
    )

),

needed_days as (

    select
        rewritten_days.node_id,
        rewritten_days.local_date
    from rewritten_days

    union

    select
        neighbours.node_id,
        neighbours.previous_local_date as local_date
    from neighbours
    inner join rewritten_days
        on neighbours.node_id = rewritten_days.node_id
        and neighbours.local_date = rewritten_days.local_date
    where neighbours.previous_local_date is not null

    union

    select
        neighbours.node_id,
        neighbours.next_local_date as local_date
    from neighbours
    inner join rewritten_days
        on neighbours.node_id = rewritten_days.node_id
        and neighbours.local_date = rewritten_days.local_date
    where neighbours.next_local_date is not null

),

readings as (

    select needed.*
    from {{ ref('fct_sensor_readings') }} as needed
    inner join needed_days
        on needed.local_date = needed_days.local_date
        and needed.node_id = needed_days.node_id

),

{%- else -%}
readings as (

    select * from {{ ref('fct_sensor_readings') }}

),

{%- endif %}

local_days as (

    select
        days.local_date,
        {{ local_to_utc('cast(days.local_date as timestamp)', zone) }} as day_starts_at,
        {{ local_to_utc('cast(' ~ add_days('days.local_date', 1) ~ ' as timestamp)', zone) }} as day_ends_at
    from (select distinct readings.local_date from readings) as days

),

listed as (

    select
        readings.node_id,
        periods.district_id,
        readings.flow_lps,
        readings.pressure_bar,
        readings.temperature_celsius,
        readings.totaliser_m3,
        readings.quality_score,
        readings.out_of_range_count,
        readings.is_interpolated,
        readings.is_late,
        periods.expected_interval_minutes,
        readings.local_date,
        readings.read_at,
        coalesce(
            {{ window_start('lag(readings.read_at) over in_order', 'five_minutes') }}
            < {{ window_start('readings.read_at', 'five_minutes') }}, true
        )
        and coalesce(
            {{ window_start('lead(readings.read_at) over in_order', 'five_minutes') }}
            > {{ window_start('readings.read_at', 'five_minutes') }}, true
        ) as is_alone,
        greatest(
            readings._changed_load_id, coalesce(periods._changed_load_id, readings._changed_load_id)
        ) as _changed_load_id
    from readings
    left join periods
        on readings.node_id = periods.node_id
        and readings.local_date >= periods.holds_from
        and readings.local_date < periods.holds_until
    window in_order as (partition by readings.node_id order by readings.read_at nulls last)

),

followed as (

    select
        listed.*,
        lag(listed.local_date) over in_order as previous_local_date,
        lag(listed.read_at) over in_order as previous_read_at,
        listed.totaliser_m3 - lag(listed.totaliser_m3) over in_order as difference_m3,
        cast({{ seconds_between('lag(listed.read_at) over in_order', 'listed.read_at') }} as bigint) as step_s
    from listed
    where listed.totaliser_m3 is not null
    window in_order as (partition by listed.node_id order by listed.read_at nulls last)

),

stepped as (

    select
        followed.*,
        case
            when followed.difference_m3 between 0 and followed.step_s * {{ most_lps }} / 1000.0
                then followed.difference_m3
        end as step_m3,
        case
            when followed.difference_m3 < 0 or followed.difference_m3 > followed.step_s * {{ most_lps }} / 1000.0
                then followed.difference_m3
        end as reset_m3,
        coalesce(followed.step_s <= followed.expected_interval_minutes * 90, false) as is_short_step
    from followed

),

led as (

    select
        stepped.*,
        lead(stepped.local_date) over in_order as next_local_date,
        lead(stepped.read_at) over in_order as next_read_at,
        lead(stepped.step_s) over in_order as next_step_s,
        lead(stepped.step_m3) over in_order as next_step_m3,
        lead(stepped.is_short_step) over in_order as is_next_step_short
    from stepped
    window in_order as (partition by stepped.node_id order by stepped.read_at nulls last)

),

-- A reading without a totaliser is in the chain of no volume.
chained as (

    select * from led

    union all

    select
        listed.*,
        cast(null as date) as previous_local_date,
        cast(null as timestamp) as previous_read_at,
        cast(null as numeric(18, 6)) as difference_m3,
        cast(null as bigint) as step_s,
        cast(null as numeric(18, 6)) as step_m3,
        cast(null as numeric(18, 6)) as reset_m3,
        false as is_short_step,
        cast(null as date) as next_local_date,
        cast(null as timestamp) as next_read_at,
        cast(null as bigint) as next_step_s,
        cast(null as numeric(18, 6)) as next_step_m3,
        false as is_next_step_short
    from listed
    where listed.totaliser_m3 is null

),

windowed as (

    select
        chained.*,
        local_days.day_starts_at,
        local_days.day_ends_at,
        {{ window_start('chained.read_at', 'hour') }} as utc_hour,
        {{ window_start('chained.read_at', 'five_minutes') }} as five_minutes
    from chained
    inner join local_days on chained.local_date = local_days.local_date
    {% if is_incremental() -%}
    inner join rewritten_days
        on chained.local_date = rewritten_days.local_date
        and chained.node_id = rewritten_days.node_id
    {%- endif %}

),

{% for size, window in windows.items() %}
{% set n = loop.index %}
bounded_{{ n }} as (

    select
        windowed.*,
        {{ window.starts }} as window_start,
        {{ window.ends }} as window_end,
        coalesce(windowed.previous_read_at >= {{ window.starts }}, false) as has_previous_within,
        windowed.previous_read_at < {{ window.starts }}
        and windowed.read_at > {{ window.starts }}
        and windowed.is_short_step
        and {{ window.follows }} as is_cut_before,
        windowed.previous_read_at < {{ window.starts }}
        and (windowed.read_at > {{ window.starts }} and not windowed.is_short_step or not {{ window.follows }})
            as is_unassigned,
        windowed.next_read_at = {{ window.ends }} as has_next_at_end,
        windowed.next_read_at > {{ window.ends }}
        and windowed.is_next_step_short
        and {{ window.leads }} as is_cut_after
    from windowed

),

parts_{{ n }} as (

    select
        bounded_{{ n }}.*,
        case
            when bounded_{{ n }}.has_previous_within then bounded_{{ n }}.step_m3
            when bounded_{{ n }}.is_cut_before
                then {{ share(
                    'bounded_' ~ n ~ '.step_m3',
                    'cast(' ~ seconds_between('bounded_' ~ n ~ '.window_start', 'bounded_' ~ n ~ '.read_at') ~ ' as bigint)',
                    'bounded_' ~ n ~ '.step_s', 18, 6
                ) }}
        end as head_m3,
        case
            when bounded_{{ n }}.has_next_at_end then bounded_{{ n }}.next_step_m3
            when bounded_{{ n }}.is_cut_after
                then bounded_{{ n }}.next_step_m3 - {{ share(
                    'bounded_' ~ n ~ '.next_step_m3',
                    'cast(' ~ seconds_between('bounded_' ~ n ~ '.window_end', 'bounded_' ~ n ~ '.next_read_at') ~ ' as bigint)',
                    'bounded_' ~ n ~ '.next_step_s', 18, 6
                ) }}
        end as tail_m3,
        case
            when bounded_{{ n }}.step_m3 is null then 0
            when bounded_{{ n }}.has_previous_within then bounded_{{ n }}.step_s
            when bounded_{{ n }}.is_cut_before
                then
                    cast({{ seconds_between('bounded_' ~ n ~ '.window_start', 'bounded_' ~ n ~ '.read_at') }} as bigint)
            else 0
        end as head_s,
        case
            when bounded_{{ n }}.next_step_m3 is null then 0
            when bounded_{{ n }}.has_next_at_end then bounded_{{ n }}.next_step_s
            when bounded_{{ n }}.is_cut_after
                then cast({{ seconds_between('bounded_' ~ n ~ '.read_at', 'bounded_' ~ n ~ '.window_end') }} as bigint)
            else 0
        end as tail_s
    from bounded_{{ n }}

),

summed_{{ n }} as (

    select
        parts_{{ n }}.node_id,
        parts_{{ n }}.district_id,
        '{{ size }}' as time_window,
        count(*) as reading_count,
        count(parts_{{ n }}.flow_lps) as flow_reading_count,
        count(parts_{{ n }}.totaliser_m3) as totaliser_reading_count,
        cast(sum(parts_{{ n }}.out_of_range_count) as bigint) as out_of_range_count,
        count(*) filter (where parts_{{ n }}.is_interpolated) as interpolated_count,
        count(*) filter (where parts_{{ n }}.is_late) as late_count,
        count(parts_{{ n }}.reset_m3) as reset_count,
        {% for measure in measures %}
        {{ average('parts_' ~ n ~ '.' ~ measure, 6) }} as avg_{{ measure }},
        min(parts_{{ n }}.{{ measure }}) as min_{{ measure }},
        max(parts_{{ n }}.{{ measure }}) as max_{{ measure }},
        {% endfor %}
        cast(
            case
                when count(parts_{{ n }}.head_m3) + count(parts_{{ n }}.tail_m3) > 0
                    then coalesce(sum(parts_{{ n }}.head_m3), 0) + coalesce(sum(parts_{{ n }}.tail_m3), 0)
            end as numeric(18, 6)
        ) as volume_m3,
        cast(coalesce(sum(parts_{{ n }}.step_m3) filter (where parts_{{ n }}.is_unassigned), 0) as numeric(18, 6))
            as unassigned_m3,
        cast(coalesce(sum(parts_{{ n }}.reset_m3), 0) as numeric(18, 6)) as reset_m3,
        cast(sum(parts_{{ n }}.head_s + parts_{{ n }}.tail_s) as bigint) as covered_s,
        {{ average('parts_' ~ n ~ '.quality_score', 3) }} as quality_score,
        parts_{{ n }}.expected_interval_minutes,
        parts_{{ n }}.local_date,
        parts_{{ n }}.window_start,
        parts_{{ n }}.window_end,
        min(parts_{{ n }}.read_at) as first_read_at,
        max(parts_{{ n }}.read_at) as last_read_at,
        max(parts_{{ n }}._changed_load_id) as _changed_load_id
    from parts_{{ n }}
    {% if size == '5min' -%}
    where not parts_{{ n }}.is_alone
    {% endif -%}
    group by
        parts_{{ n }}.node_id,
        parts_{{ n }}.district_id,
        parts_{{ n }}.expected_interval_minutes,
        parts_{{ n }}.local_date,
        parts_{{ n }}.window_start,
        parts_{{ n }}.window_end

),
{% endfor %}

-- A node that reads every five minutes or less often is alone in each of its five minutes: nothing is to be added up.
alone as (

    select
        parts_1.node_id,
        parts_1.district_id,
        '5min' as time_window,
        cast(1 as bigint) as reading_count,
        cast(case when parts_1.flow_lps is null then 0 else 1 end as bigint) as flow_reading_count,
        cast(case when parts_1.totaliser_m3 is null then 0 else 1 end as bigint) as totaliser_reading_count,
        cast(parts_1.out_of_range_count as bigint) as out_of_range_count,
        cast(case when parts_1.is_interpolated then 1 else 0 end as bigint) as interpolated_count,
        cast(case when parts_1.is_late then 1 else 0 end as bigint) as late_count,
        cast(case when parts_1.reset_m3 is null then 0 else 1 end as bigint) as reset_count,
        {% for measure in measures %}
        parts_1.{{ measure }} as avg_{{ measure }},
        parts_1.{{ measure }} as min_{{ measure }},
        parts_1.{{ measure }} as max_{{ measure }},
        {% endfor %}
        cast(
            case
                when parts_1.head_m3 is not null or parts_1.tail_m3 is not null
                    then coalesce(parts_1.head_m3, 0) + coalesce(parts_1.tail_m3, 0)
            end as numeric(18, 6)
        ) as volume_m3,
        cast(case when parts_1.is_unassigned then coalesce(parts_1.step_m3, 0) else 0 end as numeric(18, 6))
            as unassigned_m3,
        cast(coalesce(parts_1.reset_m3, 0) as numeric(18, 6)) as reset_m3,
        cast(parts_1.head_s + parts_1.tail_s as bigint) as covered_s,
        parts_1.quality_score,
        parts_1.expected_interval_minutes,
        parts_1.local_date,
        parts_1.window_start,
        parts_1.window_end,
        parts_1.read_at as first_read_at,
        parts_1.read_at as last_read_at,
        parts_1._changed_load_id
    from parts_1
    where parts_1.is_alone

),

summed as (

    select * from alone
    union all
    select * from summed_1
    union all
    select * from summed_2
    union all
    select * from summed_3

),

expected as (

    select
        summed.*,
        case
            when summed.expected_interval_minutes > 0
                then greatest(1, cast(floor(
                    {{ seconds_between('summed.window_start', 'summed.window_end') }}
                    / (summed.expected_interval_minutes * 60)
                ) as bigint))
        end as expected_reading_count
    from summed

)

select
    expected.node_id,
    expected.district_id,
    {{ as_text('expected.time_window') }} as time_window,
    expected.reading_count,
    expected.expected_reading_count,
    expected.flow_reading_count,
    expected.totaliser_reading_count,
    expected.out_of_range_count,
    expected.interpolated_count,
    expected.late_count,
    expected.reset_count,
    {% for measure in measures %}
    cast(expected.avg_{{ measure }} as numeric(18, 6)) as avg_{{ measure }},
    cast(expected.min_{{ measure }} as numeric(18, 6)) as min_{{ measure }},
    cast(expected.max_{{ measure }} as numeric(18, 6)) as max_{{ measure }},
    {% endfor %}
    cast(expected.volume_m3 as numeric(18, 6)) as volume_m3,
    cast(expected.unassigned_m3 as numeric(18, 6)) as unassigned_m3,
    cast(expected.reset_m3 as numeric(18, 6)) as reset_m3,
    expected.covered_s,
    cast(
        case
            when expected.reading_count >= expected.expected_reading_count then 100
            else {{ ratio('expected.reading_count * 100', 'expected.expected_reading_count', 2) }}
        end as numeric(5, 2)
    ) as completeness_pct,
    cast(expected.quality_score as numeric(4, 3)) as quality_score,
    expected.local_date,
    expected.window_start,
    expected.window_end,
    expected.first_read_at,
    expected.last_read_at,
    expected._changed_load_id
from expected
