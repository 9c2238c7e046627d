{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Both sides of the first hop, added up once per load: raw and the versions only ever grow by loads. The raw side reads
-- each distinct text once and by a pattern of its own, not by the parse macro: a ledger that used the same parser would
-- agree with its faults.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

raw_texts as (

    select
        meter_readings._dlt_load_id,
        coalesce(meter_readings.consumption_delta, meter_readings.consumption) as quantity_text,
        count(*) as raw_rows
    from {{ source('smart_meters', 'meter_readings') }} as meter_readings
    where meter_readings._dlt_load_id in ({{ completed_loads() }})
        {% if is_incremental() -%}
        and meter_readings._dlt_load_id > {{ watermark }}
        {%- endif %}
    group by
        meter_readings._dlt_load_id,
        coalesce(meter_readings.consumption_delta, meter_readings.consumption)

),

raw_quantities as (

    select
        raw_texts._dlt_load_id,
        raw_texts.raw_rows,
        {{ plain_number('raw_texts.quantity_text', 6) }} as quantity_kwh
    from raw_texts

),

versions as (

    select * from {{ ref('int_meter_reading_versions') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

raw_totals as (

    select
        raw_quantities._dlt_load_id,
        cast(sum(raw_quantities.raw_rows) as bigint) as raw_rows,
        sum(raw_quantities.raw_rows * raw_quantities.quantity_kwh)
            filter (where abs(raw_quantities.quantity_kwh) < 1000000000000) as raw_kwh
    from raw_quantities
    group by raw_quantities._dlt_load_id

),

version_totals as (

    select
        versions._dlt_load_id,
        count(*) filter (where versions.rejected_reason is null) as accepted_rows,
        count(*) filter (where versions.rejected_reason is not null) as rejected_rows,
        sum(versions.consumption_kwh) filter (where versions.rejected_reason is null) as accepted_kwh,
        sum(versions.consumption_kwh) filter (where versions.rejected_reason is not null) as rejected_kwh
    from versions
    group by versions._dlt_load_id

)

select
    {{ as_text('coalesce(raw_totals._dlt_load_id, version_totals._dlt_load_id)') }} as _dlt_load_id,
    coalesce(raw_totals.raw_rows, 0) as raw_rows,
    coalesce(version_totals.accepted_rows, 0) as accepted_rows,
    coalesce(version_totals.rejected_rows, 0) as rejected_rows,
    cast(coalesce(raw_totals.raw_kwh, 0) as numeric(38, 6)) as raw_kwh,
    cast(coalesce(version_totals.accepted_kwh, 0) as numeric(38, 6)) as accepted_kwh,
    cast(coalesce(version_totals.rejected_kwh, 0) as numeric(38, 6)) as rejected_kwh
from raw_totals
full outer join version_totals on raw_totals._dlt_load_id = version_totals._dlt_load_id
