{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['asset', 'gas_day', 'cycle_id'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['asset', 'gas_day', 'cycle_id'], ['_dlt_load_id']),
    )
}}

-- A posting is a full statement: a cycle is written anew, whole, when a posting of it was landed since the last run, so that
-- a location which a re-post leaves out is gone.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

lines as (

    select * from {{ ref('int_capacity_lines') }}
    where status = 'kept'

),

postings as (

    select * from {{ ref('int_capacity_postings') }}

),

{% if is_incremental() -%}
posted_cycles as (

    select
        postings.asset,
        postings.gas_day,
        postings.cycle_id
    from postings
    where postings._dlt_load_id > {{ watermark }}
    group by
        postings.asset,
        postings.gas_day,
        postings.cycle_id

),

{% endif -%}

latest_postings as (

    select postings.*
    from postings
    {% if is_incremental() -%}
    inner join posted_cycles
        on postings.asset = posted_cycles.asset
        and postings.gas_day = posted_cycles.gas_day
        and postings.cycle_id = posted_cycles.cycle_id
    {% endif -%}
    where postings.is_latest

)

select
    lines.location_key,
    lines.asset,
    lines.cycle_id,
    latest_postings.cycle_name,
    lines.loc,
    lines.flow_direction,
    lines.location_name,
    lines.zone,
    lines.quantity_reason,
    cast(latest_postings.cycle_order as integer) as cycle_order,
    latest_postings.posting_number,
    lines.design_capacity_dth,
    lines.operating_capacity_dth,
    lines.scheduled_quantity_dth,
    lines.available_capacity_dth,
    lines.is_interruptible,
    lines.is_overrun_authorized,
    lines.is_nomination_capacity_exceeded,
    lines.has_all_quantities,
    lines.gas_day,
    latest_postings.starts_at,
    latest_postings.ends_at,
    latest_postings.downloaded_at,
    lines._source_file,
    lines._source_row,
    lines._dlt_load_id
from lines
inner join latest_postings
    on lines.asset = latest_postings.asset
    and lines.gas_day = latest_postings.gas_day
    and lines.cycle_id = latest_postings.cycle_id
    and lines._source_file = latest_postings._source_file
    and lines._dlt_load_id = latest_postings._dlt_load_id
