{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['asset', 'gas_day'], ['_dlt_load_id']),
    )
}}

-- Every landed line, parsed once and never touched again. A posting comes whole in one load, so what is a duplicate within it
-- is known at once; which posting stands is not written here but in int_capacity_postings.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

capacity as (

    select * from {{ ref('stg_energy_transfer__operational_capacity') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

judged as (

    select
        {{ trimmed('capacity.asset') }} as asset,
        {{ trimmed('capacity.cycle_id') }} as cycle_id,
        {{ trimmed('capacity.loc') }} as loc,
        {{ trimmed('capacity.flow_code') }} as flow_code,
        {{ trimmed('capacity.location_name') }} as location_name,
        {{ trimmed('capacity.zone') }} as zone,
        {{ trimmed('capacity.purpose_code') }} as purpose_code,
        {{ trimmed('capacity.quantity_reason') }} as quantity_reason,
        {{ trimmed('capacity.search_type') }} as search_type,
        capacity.file_name,
        case
            when capacity.asset is null then 'no_asset'
            when capacity.gas_day is null then 'no_gas_day'
            when capacity.cycle_id is null then 'no_cycle'
            when capacity.loc is null then 'no_location'
            when capacity.flow_code is null then 'no_flow_direction'
        end as rejected_reason,
        capacity.design_capacity_dth,
        capacity.operating_capacity_dth,
        capacity.scheduled_quantity_dth,
        capacity.available_capacity_dth,
        capacity.is_interruptible,
        capacity.is_overrun_authorized,
        capacity.is_nomination_capacity_exceeded,
        capacity.has_all_quantities,
        capacity.gas_day,
        capacity.downloaded_at,
        capacity._source_file,
        capacity._source_row,
        capacity._dlt_load_id,
        capacity._parse_failures
    from capacity

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by
                judged._dlt_load_id, judged._source_file,
                judged.asset, judged.gas_day, judged.cycle_id, judged.loc, judged.flow_code
            order by judged._source_row desc nulls last
        ) as lines_later
    from judged

)

select
    ranked.asset,
    ranked.cycle_id,
    ranked.loc,
    ranked.flow_code,
    case ranked.flow_code
        when 'D' then 'delivery'
        when 'R' then 'receipt'
        else ranked.flow_code
    end as flow_direction,
    {{ md5_text("ranked.asset || '|' || ranked.loc || '|' || ranked.flow_code") }} as location_key,
    ranked.location_name,
    ranked.zone,
    ranked.purpose_code,
    ranked.quantity_reason,
    ranked.search_type,
    ranked.file_name,
    case
        when ranked.rejected_reason is not null then 'rejected'
        when ranked.lines_later = 1 then 'kept'
        else 'superseded'
    end as status,
    ranked.rejected_reason,
    cast(ranked.design_capacity_dth as numeric(18, 3)) as design_capacity_dth,
    cast(ranked.operating_capacity_dth as numeric(18, 3)) as operating_capacity_dth,
    cast(ranked.scheduled_quantity_dth as numeric(18, 3)) as scheduled_quantity_dth,
    cast(ranked.available_capacity_dth as numeric(18, 3)) as available_capacity_dth,
    ranked.is_interruptible,
    ranked.is_overrun_authorized,
    ranked.is_nomination_capacity_exceeded,
    ranked.has_all_quantities,
    ranked.gas_day,
    ranked.downloaded_at,
    ranked._source_file,
    ranked._source_row,
    ranked._dlt_load_id,
    ranked._parse_failures
from ranked
