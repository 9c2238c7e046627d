-- Products named by an agreement but not delivered have a line too, so that no agreement and no reading is lost by a join.

with

products as (

    select * from {{ ref('stg_smart_meters__products') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}

),

agreement_periods as (

    select * from {{ ref('int_agreement_periods') }}

),

delivered_products as (

    select
        products.product_id,
        products.display_name,
        products.id as product_number,
        products.is_variable,
        row_number() over (
            partition by products.product_id
            order by products.id desc nulls last, products._source_row desc nulls last
        ) as product_rank,
        count(*) over (partition by products.product_id) as delivered_rows
    from products
    inner join deliveries
        on deliveries.table_name = 'products'
        and deliveries.is_current
        and products._dlt_load_id = deliveries._dlt_load_id
        and products._source_file = deliveries._source_file
    where products.product_id is not null

),

agreed_products as (

    select
        agreement_periods.product_id,
        count(*) as agreement_count
    from agreement_periods
    where agreement_periods.product_id is not null
    group by agreement_periods.product_id

)

select
    coalesce(delivered_products.product_id, agreed_products.product_id) as product_id,
    case
        when delivered_products.product_id is null then 'unknown product'
        else coalesce(delivered_products.display_name, 'unnamed product')
    end as display_name,
    delivered_products.product_number,
    coalesce(agreed_products.agreement_count, 0) as agreement_count,
    coalesce(delivered_products.delivered_rows, 0) as delivered_rows,
    delivered_products.is_variable,
    delivered_products.product_id is not null as is_delivered
from delivered_products
full outer join agreed_products on delivered_products.product_id = agreed_products.product_id
where coalesce(delivered_products.product_rank, 1) = 1
