with

agreement_periods as (

    select * from {{ ref('int_agreement_periods') }}

),

products as (

    select * from {{ ref('dim_products') }}

)

select
    agreement_periods.agreement_key,
    agreement_periods.account_key,
    agreement_periods.meterpoint_id,
    agreement_periods.product_id,
    products.display_name as product_display_name,
    agreement_periods.period_quality,
    agreement_periods.agreement_id,
    agreement_periods.delivered_rows,
    agreement_periods.overlap_count,
    agreement_periods.is_matchable,
    agreement_periods.valid_from,
    agreement_periods.valid_to,
    agreement_periods._source_file,
    agreement_periods._source_row,
    agreement_periods._dlt_load_id
from agreement_periods
left join products on agreement_periods.product_id = products.product_id
