{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['node_id', 'read_at'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['node_id', 'read_at'], ['_changed_load_id']),
    )
}}

-- Of several versions of one node and instant the latest load wins; within one load the file delivered later, then the later
-- address, then the later row. A whole history is not sorted for it: rows are ranked only where a node has more readings in an
-- hour than distinct minutes. Each minute is one bit, and a sum of bits exceeds their union exactly when one of them came twice.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}
{% set measures = ['flow_lps', 'pressure_bar', 'pressure_2_bar', 'temperature_celsius', 'totaliser_m3'] %}

with

versions as (

    select * from {{ ref('int_sensor_reading_versions') }}
    where rejected_reason is null

),

arrived_versions as (

    select * from {{ ref('int_sensor_reading_versions') }}
    {% if is_incremental() -%}
    where _changed_load_id > {{ watermark }}
    {%- endif %}

),

arrived_loads as (

    select all_arrived._changed_load_id
    from {{ ref('int_sensor_reading_versions') }} as all_arrived
    {% if is_incremental() -%}
    where all_arrived._changed_load_id > {{ watermark }}
    {%- endif %}
    group by all_arrived._changed_load_id

),

{% if is_incremental() -%}
arrived_keys as (

    select
        arrived_versions.node_id,
        arrived_versions.read_at
    from arrived_versions
    where arrived_versions.rejected_reason is null
    group by
        arrived_versions.node_id,
        arrived_versions.read_at

),

touched_versions as (

    select versions.*
    from versions
    inner join arrived_keys
        on versions.read_at = arrived_keys.read_at
        and versions.node_id = arrived_keys.node_id

),

{%- else -%}
minute_bits as (

    select
        arrived_versions.node_id,
        date_trunc('hour', arrived_versions.read_at) as utc_hour,
        cast(1 as bigint) << cast(extract(minute from arrived_versions.read_at) as integer) as minute_bit
    from arrived_versions
    where arrived_versions.rejected_reason is null

),

crowded_hours as (

    select
        minute_bits.node_id,
        minute_bits.utc_hour
    from minute_bits
    group by
        minute_bits.node_id,
        minute_bits.utc_hour
    having sum(minute_bits.minute_bit) > bit_or(minute_bits.minute_bit)

),

touched_versions as (

    select versions.*
    from versions
    inner join crowded_hours
        on date_trunc('hour', versions.read_at) = crowded_hours.utc_hour
        and versions.node_id = crowded_hours.node_id

),

{%- endif %}

files as (

    select * from {{ ref('stg_landing__files') }}
    where source = 'abbanoa'

),

delivered_versions as (

    select
        touched_versions.*,
        files.uri,
        files.delivered_at
    from touched_versions
    left join files
        on touched_versions._source_file = files.source_file
        and touched_versions._dlt_load_id = files._dlt_load_id

),

ranked as (

    select
        delivered_versions.*,
        row_number() over latest_first as version_rank,
        {% for measure in measures %}
        first_value(delivered_versions.{{ measure }}) over latest_first as kept_{{ measure }},
        {% endfor %}
        max(delivered_versions._changed_load_id) over (
            partition by delivered_versions.node_id, delivered_versions.read_at
        ) as last_changed_load_id
    from delivered_versions
    window latest_first as (
        partition by delivered_versions.node_id, delivered_versions.read_at
        order by
            delivered_versions._dlt_load_id desc nulls last,
            delivered_versions.delivered_at desc nulls last,
            {{ by_bytes('delivered_versions.uri') }} desc nulls last,
            {{ by_bytes('delivered_versions._source_file') }} desc nulls last,
            delivered_versions._source_row desc nulls last
    )

)

select
    ranked.node_id,
    case
        when true
            {% for measure in measures %}
            and (ranked.{{ measure }} is not distinct from ranked.kept_{{ measure }})
            {% endfor %}
            then 'duplicate'
        else 'restated'
    end as reason,
    cast(ranked.flow_lps as numeric(18, 6)) as flow_lps,
    cast(ranked.kept_flow_lps as numeric(18, 6)) as kept_flow_lps,
    cast(ranked.totaliser_m3 as numeric(18, 6)) as totaliser_m3,
    cast(ranked.kept_totaliser_m3 as numeric(18, 6)) as kept_totaliser_m3,
    ranked.read_at,
    ranked._source_file,
    ranked._source_row,
    ranked._dlt_load_id,
    ranked.last_changed_load_id as _changed_load_id
from ranked
where ranked.version_rank > 1

union all

-- One line without a reading for each load that was looked at, so that the next run begins after it.
select
    cast(null as {{ dbt.type_string() }}) as node_id,
    'none' as reason,
    cast(null as numeric(18, 6)) as flow_lps,
    cast(null as numeric(18, 6)) as kept_flow_lps,
    cast(null as numeric(18, 6)) as totaliser_m3,
    cast(null as numeric(18, 6)) as kept_totaliser_m3,
    cast(null as timestamp) as read_at,
    cast(null as {{ dbt.type_string() }}) as _source_file,
    cast(null as bigint) as _source_row,
    arrived_loads._changed_load_id as _dlt_load_id,
    arrived_loads._changed_load_id
from arrived_loads
