{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['meterpoint_id', 'local_date'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['meterpoint_id', 'local_date'], ['local_date']),
    )
}}

-- A meter's day is written anew when one of its readings changed since the last run. Agreements are matched by local date,
-- so a meter has one agreement, or none, for the whole of a day. Readings are named twice on purpose: a CTE used twice
-- would be written out in full, history and all.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}

with

readings as (

    select * from {{ ref('fct_meter_readings') }}

),

{% if is_incremental() -%}
changed_days as (

    select
        changed.meterpoint_id,
        changed.local_date
    from {{ ref('fct_meter_readings') }} as changed
    where changed._changed_load_id > {{ watermark }}
    group by
        changed.meterpoint_id,
        changed.local_date

),

{% endif -%}

meter_days as (

    select
        readings.meterpoint_id,
        readings.product_id,
        cast(sum(readings.consumption_kwh) as numeric(18, 6)) as consumption_kwh,
        readings.agreement_id,
        count(*) as reading_count,
        count(readings.interval_number) as interval_count,
        count(*) filter (where readings.consumption_kwh < 0) as negative_reading_count,
        readings.has_agreement,
        readings.local_date,
        min(readings.starts_at) as first_starts_at,
        max(readings.ends_at) as last_ends_at,
        bit_or(cast(1 as bigint) << cast(readings.interval_number - 1 as integer)) as _interval_bits,
        max(readings._changed_load_id) as _changed_load_id
    from readings
    {% if is_incremental() -%}
    inner join changed_days
        on readings.local_date = changed_days.local_date
        and readings.meterpoint_id = changed_days.meterpoint_id
    {% endif -%}
    group by
        readings.meterpoint_id,
        readings.product_id,
        readings.agreement_id,
        readings.has_agreement,
        readings.local_date

),

local_days as (

    select
        half_hours.local_date,
        max(half_hours.intervals_in_day) as intervals_in_day
    from {{ ref('int_half_hours') }} as half_hours
    group by half_hours.local_date

)

select
    meter_days.meterpoint_id,
    meter_days.product_id,
    meter_days.consumption_kwh,
    meter_days.agreement_id,
    meter_days.reading_count,
    meter_days.interval_count,
    local_days.intervals_in_day as expected_interval_count,
    meter_days.negative_reading_count,
    meter_days.has_agreement,
    coalesce(meter_days.interval_count = local_days.intervals_in_day, false) as is_complete,
    meter_days.local_date,
    meter_days.first_starts_at,
    meter_days.last_ends_at,
    coalesce(meter_days._interval_bits, 0) as _interval_bits,
    meter_days._changed_load_id
from meter_days
left join local_days on meter_days.local_date = local_days.local_date
