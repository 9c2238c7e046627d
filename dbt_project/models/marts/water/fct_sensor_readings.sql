{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['node_id', 'read_at'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        partition_by_month={'column': 'read_at', 'months_in': 'int_sensor_reading_versions'},
        indexes=row_indexes(['node_id', 'read_at'], ['local_date'], ['_changed_load_id']),
    )
}}

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}
{% set ranges = {
    'flow_lps': var('abbanoa_flow_range_lps'),
    'pressure_bar': var('abbanoa_pressure_range_bar'),
    'temperature_celsius': var('abbanoa_temperature_range_celsius'),
} %}
{% set measures = ['flow_lps', 'pressure_bar', 'temperature_celsius', 'totaliser_m3'] %}

with

versions as (

    select * from {{ ref('int_sensor_reading_versions') }}
    where rejected_reason is null
        {% if is_incremental() -%}
        and _changed_load_id > {{ watermark }}
        {%- endif %}

),

supersessions as (

    select * from {{ ref('int_sensor_reading_supersessions') }}
    where reason <> 'none'

),

standing_versions as (

    select versions.*
    from versions
    left join supersessions
        on versions._source_row = supersessions._source_row
        and versions._source_file = supersessions._source_file
        and versions._dlt_load_id = supersessions._dlt_load_id
        and versions.node_id = supersessions.node_id
    where supersessions._source_row is null

),

judged as (

    select
        standing_versions.*,
        0
        {% for measure in measures %}
        + case when standing_versions.{{ measure }} is null then 0 else 1 end
        {% endfor %}
        as measure_count,
        0
        {% for measure, range in ranges.items() %}
        + case
            when standing_versions.{{ measure }} < {{ range[0] }} or standing_versions.{{ measure }} > {{ range[1] }}
                then 1
            else 0
        end
        {% endfor %}
        as out_of_range_count
    from standing_versions

)

select
    judged.node_id,
    cast(judged.flow_lps as numeric(18, 6)) as flow_lps,
    cast(judged.pressure_bar as numeric(18, 6)) as pressure_bar,
    cast(judged.pressure_2_bar as numeric(18, 6)) as pressure_2_bar,
    cast(judged.temperature_celsius as numeric(18, 6)) as temperature_celsius,
    cast(judged.totaliser_m3 as numeric(18, 6)) as totaliser_m3,
    cast(
        case judged.out_of_range_count when 0 then 0.25 when 1 then 0.125 when 2 then 0.0625 else 0.03125 end
        * judged.measure_count as numeric(4, 3)
    ) as quality_score,
    cast(judged.delivered_quality_score as numeric(9, 6)) as delivered_quality_score,
    cast(judged.out_of_range_count as integer) as out_of_range_count,
    judged.is_interpolated,
    coalesce(
        judged.ingested_at > judged.read_at + interval '1' hour * {{ var('abbanoa_late_after_hours') }}, false
    ) as is_late,
    {{ local_date('judged.read_at', var('abbanoa_timezone')) }} as local_date,
    judged.read_at,
    judged._changed_load_id
from judged
