{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='local_date',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['local_date']),
    )
}}

-- Whole local dates are written anew: those in which a reading changed since the last run.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}

with

readings as (

    select * from {{ ref('fct_meter_readings') }}
    {% if is_incremental() -%}
    where local_date in (
        select changed.local_date
        from {{ ref('fct_meter_readings') }} as changed
        where changed._changed_load_id > {{ watermark }}
    )
    {%- endif %}

)

select
    cast(sum(readings.consumption_kwh) as numeric(18, 6)) as consumption_kwh,
    cast(
        coalesce(sum(readings.consumption_kwh) filter (where readings.has_agreement), 0) as numeric(18, 6)
    ) as mapped_consumption_kwh,
    cast(
        coalesce(sum(readings.consumption_kwh) filter (where not readings.has_agreement), 0) as numeric(18, 6)
    ) as unmapped_consumption_kwh,
    count(*) as meterpoint_count,
    count(*) filter (where readings.has_agreement) as mapped_meterpoint_count,
    count(*) filter (where not readings.has_agreement) as unmapped_meterpoint_count,
    count(*) filter (where readings.consumption_kwh < 0) as negative_meterpoint_count,
    readings.interval_number,
    readings.is_on_grid,
    readings.local_date,
    readings.starts_at,
    readings.ends_at,
    max(readings._changed_load_id) as _changed_load_id
from readings
group by
    readings.interval_number,
    readings.is_on_grid,
    readings.local_date,
    readings.starts_at,
    readings.ends_at
