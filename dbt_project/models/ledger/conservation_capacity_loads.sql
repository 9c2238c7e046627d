{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Both sides of the hop after raw, added up once per load: raw and the lines only ever grow by loads. The raw side reads each
-- distinct text once and by a pattern of its own.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

raw_texts as (

    select
        operational_capacity._dlt_load_id,
        operational_capacity.tsq as quantity_text,
        count(*) as raw_rows
    from {{ source('energy_transfer', 'operational_capacity') }} as operational_capacity
    where operational_capacity._dlt_load_id in ({{ completed_loads() }})
        {% if is_incremental() -%}
        and operational_capacity._dlt_load_id > {{ watermark }}
        {%- endif %}
    group by
        operational_capacity._dlt_load_id,
        operational_capacity.tsq

),

raw_quantities as (

    select
        raw_texts._dlt_load_id,
        raw_texts.raw_rows,
        {{ plain_number('raw_texts.quantity_text', 3) }} as quantity_dth
    from raw_texts

),

lines as (

    select * from {{ ref('int_capacity_lines') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

raw_totals as (

    select
        raw_quantities._dlt_load_id,
        cast(sum(raw_quantities.raw_rows) as bigint) as raw_rows,
        sum(raw_quantities.raw_rows * raw_quantities.quantity_dth)
            filter (where abs(raw_quantities.quantity_dth) < 1000000000000000) as raw_dth
    from raw_quantities
    group by raw_quantities._dlt_load_id

),

line_totals as (

    select
        lines._dlt_load_id,
        {%- for status in ['kept', 'superseded', 'rejected'] %}
        count(*) filter (where lines.status = '{{ status }}') as {{ status }}_rows,
        sum(lines.scheduled_quantity_dth) filter (where lines.status = '{{ status }}') as {{ status }}_dth
        {{- ',' if not loop.last }}
        {%- endfor %}
    from lines
    group by lines._dlt_load_id

)

select
    {{ as_text('coalesce(raw_totals._dlt_load_id, line_totals._dlt_load_id)') }} as _dlt_load_id,
    coalesce(raw_totals.raw_rows, 0) as raw_rows,
    coalesce(line_totals.kept_rows, 0) as kept_rows,
    coalesce(line_totals.superseded_rows, 0) as superseded_rows,
    coalesce(line_totals.rejected_rows, 0) as rejected_rows,
    cast(coalesce(raw_totals.raw_dth, 0) as numeric(38, 6)) as raw_dth,
    cast(coalesce(line_totals.kept_dth, 0) as numeric(38, 6)) as kept_dth,
    cast(coalesce(line_totals.superseded_dth, 0) as numeric(38, 6)) as superseded_dth,
    cast(coalesce(line_totals.rejected_dth, 0) as numeric(38, 6)) as rejected_dth
from raw_totals
full outer join line_totals on raw_totals._dlt_load_id = line_totals._dlt_load_id
