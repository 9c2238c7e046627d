{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['meterpoint_id', 'starts_at'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['meterpoint_id', 'starts_at'], ['local_date'], ['_changed_load_id']),
    )
}}

-- A later run writes two kinds of rows: readings of new loads, and old readings whose agreement is now another one. The
-- second kind is looked for only in the dates that an agreement added or removed since then covers.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}
{% set zone = var('smart_meters_local_timezone') %}
{% set is_on_grid = "half_hours.ends_at = coalesce(standing_versions.ends_at, half_hours.ends_at)" %}

with

versions as (

    select * from {{ ref('int_meter_reading_versions') }}
    where rejected_reason is null
        {% if is_incremental() -%}
        and _dlt_load_id > {{ watermark }}
        {%- endif %}

),

supersessions as (

    select * from {{ ref('int_meter_reading_supersessions') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

half_hours as (

    select * from {{ ref('int_half_hours') }}

),

segments as (

    select * from {{ ref('int_agreement_segments') }}

),

agreement_changes as (

    select * from {{ ref('int_agreement_changes') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

changed_meters as (

    select
        agreement_changes.meterpoint_id,
        max(agreement_changes._dlt_load_id) as agreement_load_id,
        min(agreement_changes.valid_from) as changed_from,
        max(coalesce(agreement_changes.valid_to, cast('9999-12-31' as date))) as changed_until
    from agreement_changes
    group by agreement_changes.meterpoint_id

),

standing_versions as (

    select versions.*
    from versions
    left join supersessions
        on versions._source_row = supersessions._source_row
        and versions._source_file = supersessions._source_file
        and versions._dlt_load_id = supersessions._dlt_load_id
    where supersessions._source_row is null

),

located_readings as (

    select
        standing_versions.meterpoint_id,
        standing_versions.consumption_kwh,
        case when {{ is_on_grid }} then half_hours.interval_number end as interval_number,
        coalesce({{ is_on_grid }}, false) as is_on_grid,
        coalesce(half_hours.local_date, {{ local_date('standing_versions.starts_at', zone) }}) as local_date,
        standing_versions.starts_at,
        coalesce(
            standing_versions.ends_at,
            half_hours.ends_at,
            {{ dbt.dateadd('minute', 30, 'standing_versions.starts_at') }}
        ) as ends_at,
        standing_versions._dlt_load_id
    from standing_versions
    left join half_hours on standing_versions.starts_at = half_hours.starts_at

),

arrived_readings as (

    select
        located_readings.meterpoint_id,
        segments.product_id,
        located_readings.consumption_kwh,
        segments.agreement_id,
        located_readings.interval_number,
        segments.meterpoint_id is not null as has_agreement,
        located_readings.is_on_grid,
        located_readings.local_date,
        located_readings.starts_at,
        located_readings.ends_at,
        greatest(
            located_readings._dlt_load_id,
            coalesce(changed_meters.agreement_load_id, located_readings._dlt_load_id)
        ) as _changed_load_id
    from located_readings
    left join segments
        on located_readings.meterpoint_id = segments.meterpoint_id
        and located_readings.local_date >= segments.effective_from
        and located_readings.local_date < segments.effective_until
    left join changed_meters on located_readings.meterpoint_id = changed_meters.meterpoint_id

){% if is_incremental() %},

remapped_readings as (

    select
        stored.meterpoint_id,
        segments.product_id,
        stored.consumption_kwh,
        segments.agreement_id,
        stored.interval_number,
        segments.meterpoint_id is not null as has_agreement,
        stored.is_on_grid,
        stored.local_date,
        stored.starts_at,
        stored.ends_at,
        changed_meters.agreement_load_id as _changed_load_id
    from {{ this }} as stored
    inner join changed_meters
        on stored.meterpoint_id = changed_meters.meterpoint_id
        and stored.local_date >= changed_meters.changed_from
        and stored.local_date < changed_meters.changed_until
    left join segments
        on stored.meterpoint_id = segments.meterpoint_id
        and stored.local_date >= segments.effective_from
        and stored.local_date < segments.effective_until
    left join arrived_readings
        on stored.meterpoint_id = arrived_readings.meterpoint_id
        and stored.starts_at = arrived_readings.starts_at
    where arrived_readings.meterpoint_id is null
        and (
            stored.has_agreement <> (segments.meterpoint_id is not null)
            or stored.agreement_id is distinct from segments.agreement_id
            or stored.product_id is distinct from segments.product_id
        )

)
{%- endif %}

select * from arrived_readings
{% if is_incremental() %}
union all

select * from remapped_readings
{% endif %}
