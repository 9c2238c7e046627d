with

agreement_periods as (

    select * from {{ ref('int_agreement_periods') }}

),

segments as (

    select * from {{ ref('int_agreement_segments') }}

),

products as (

    select * from {{ ref('dim_products') }}

)

select
    agreement_periods.agreement_key,
    agreement_periods.account_key,
    agreement_periods.meterpoint_id,
    agreement_periods.product_id,
    coalesce(products.display_name, 'unknown product') as display_name,
    agreement_periods.agreement_id,
    products.is_variable,
    coalesce(agreement_periods.agreement_key = segments.agreement_key, false) as is_effective,
    agreement_periods.valid_from,
    agreement_periods.valid_to,
    {{ reference_date() }} as reference_date
from agreement_periods
left join products on agreement_periods.product_id = products.product_id
left join segments
    on agreement_periods.meterpoint_id = segments.meterpoint_id
    and segments.effective_from <= {{ reference_date() }}
    and segments.effective_until > {{ reference_date() }}
where agreement_periods.is_matchable
    and agreement_periods.valid_from <= {{ reference_date() }}
    and (agreement_periods.valid_to is null or agreement_periods.valid_to > {{ reference_date() }})
