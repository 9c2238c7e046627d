{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['meterpoint_id', 'starts_at'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['meterpoint_id', 'starts_at'], ['_changed_load_id']),
    )
}}

-- Of several versions of one half-hour the latest load wins; within one load the file delivered later (`delivered_at`),
-- then the later address, then the later row: never the name a file has in the lake, which is a hash. Ranking a whole
-- history by window would sort it; so rows are ranked only where a meter has more readings in a UTC day than distinct
-- half-hours: each half-hour is one bit, and a sum of bits exceeds their union exactly when one of them came twice.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}

with

versions as (

    select * from {{ ref('int_meter_reading_versions') }}
    where rejected_reason is null

),

arrived_versions as (

    select * from {{ ref('int_meter_reading_versions') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

arrived_loads as (

    select all_arrived._dlt_load_id
    from {{ ref('int_meter_reading_versions') }} as all_arrived
    {% if is_incremental() -%}
    where all_arrived._dlt_load_id > {{ watermark }}
    {%- endif %}
    group by all_arrived._dlt_load_id

),

{% if is_incremental() -%}
arrived_keys as (

    select
        arrived_versions.meterpoint_id,
        arrived_versions.starts_at
    from arrived_versions
    where arrived_versions.rejected_reason is null
    group by
        arrived_versions.meterpoint_id,
        arrived_versions.starts_at

),

touched_versions as (

    select versions.*
    from versions
    inner join arrived_keys
        on versions.starts_at = arrived_keys.starts_at
        and versions.meterpoint_id = arrived_keys.meterpoint_id

),

{%- else -%}
half_hour_bits as (

    select
        arrived_versions.meterpoint_id,
        cast(arrived_versions.starts_at as date) as utc_date,
        cast(1 as bigint) << cast(
            2 * extract(hour from arrived_versions.starts_at)
            + case when extract(minute from arrived_versions.starts_at) >= 30 then 1 else 0 end
            as integer
        ) as half_hour_bit
    from arrived_versions
    where arrived_versions.rejected_reason is null

),

crowded_days as (

    select
        half_hour_bits.meterpoint_id,
        half_hour_bits.utc_date
    from half_hour_bits
    group by
        half_hour_bits.meterpoint_id,
        half_hour_bits.utc_date
    having sum(half_hour_bits.half_hour_bit) > bit_or(half_hour_bits.half_hour_bit)

),

touched_versions as (

    select versions.*
    from versions
    inner join crowded_days
        on cast(versions.starts_at as date) = crowded_days.utc_date
        and versions.meterpoint_id = crowded_days.meterpoint_id

),

{%- endif %}

files as (

    select * from {{ ref('stg_landing__files') }}
    where table_name = 'meter_readings'

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
        first_value(delivered_versions.consumption_kwh) over latest_first as kept_consumption_kwh,
        first_value(delivered_versions._dlt_load_id) over latest_first as _changed_load_id
    from delivered_versions
    window latest_first as (
        partition by delivered_versions.meterpoint_id, delivered_versions.starts_at
        order by
            delivered_versions._dlt_load_id desc nulls last,
            delivered_versions.delivered_at desc nulls last,
            {{ by_bytes('delivered_versions.uri') }} desc nulls last,
            {{ by_bytes('delivered_versions._source_file') }} desc nulls last,
            delivered_versions._source_row desc nulls last
    )

)

select
    ranked.meterpoint_id,
    case
        when ranked.consumption_kwh = ranked.kept_consumption_kwh then 'duplicate'
        else 'restated'
    end as reason,
    cast(ranked.consumption_kwh as numeric(18, 6)) as consumption_kwh,
    cast(ranked.kept_consumption_kwh as numeric(18, 6)) as kept_consumption_kwh,
    ranked.starts_at,
    ranked._source_file,
    ranked._source_row,
    ranked._dlt_load_id,
    ranked._changed_load_id
from ranked
where ranked.version_rank > 1

union all

-- One line without a reading for each load that was looked at, so that the next run begins after it.
select
    cast(null as {{ dbt.type_string() }}) as meterpoint_id,
    'none' as reason,
    cast(null as numeric(18, 6)) as consumption_kwh,
    cast(null as numeric(18, 6)) as kept_consumption_kwh,
    cast(null as timestamp) as starts_at,
    cast(null as {{ dbt.type_string() }}) as _source_file,
    cast(null as bigint) as _source_row,
    arrived_loads._dlt_load_id,
    arrived_loads._dlt_load_id as _changed_load_id
from arrived_loads
