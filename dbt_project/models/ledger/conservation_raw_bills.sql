{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- Raw only ever grows by loads, so each load is added up once. Bills repeat their amounts: each distinct text is read once.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

raw_texts as (

    select
        utility_billing._dlt_load_id,
        utility_billing.amount_due as amount_text,
        count(*) as raw_rows
    from {{ source('winnipeg_billing', 'utility_billing') }} as utility_billing
    where utility_billing._dlt_load_id in ({{ completed_loads() }})
        {% if is_incremental() -%}
        and utility_billing._dlt_load_id > {{ watermark }}
        {%- endif %}
    group by
        utility_billing._dlt_load_id,
        utility_billing.amount_due

),

raw_amounts as (

    select
        raw_texts._dlt_load_id,
        raw_texts.raw_rows,
        {{ plain_number('raw_texts.amount_text', 2) }} as amount_due_cad
    from raw_texts

)

select
    {{ as_text('raw_amounts._dlt_load_id') }} as _dlt_load_id,
    cast(sum(raw_amounts.raw_rows) as bigint) as raw_rows,
    cast(
        coalesce(
            sum(raw_amounts.raw_rows * raw_amounts.amount_due_cad)
                filter (where abs(raw_amounts.amount_due_cad) < 10000000000000000),
            0
        ) as numeric(38, 6)
    ) as raw_amount_due_cad
from raw_amounts
group by raw_amounts._dlt_load_id
