with

snapshots as (

    select
        product_id,
        display_name,
        id as product_number,
        is_variable,
        _source_file,
        _source_row,
        _dlt_load_id
    from {{ ref('stg_smart_meters__products') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}
    where table_name = 'products'

),

{{ history(
    'snapshots', 'deliveries', key='product_id', attributes=['display_name', 'product_number', 'is_variable'],
    wins='snapshots.product_number desc nulls last, snapshots._source_row desc nulls last'
) }}

select
    versions.product_id,
    versions.display_name,
    versions.change,
    versions.product_number,
    versions.version_number,
    versions.delivered_rows,
    versions.is_variable,
    versions.is_current,
    versions.is_delivered,
    versions.valid_from,
    versions.valid_until,
    versions._source_file,
    versions._source_row,
    versions._dlt_load_id
from versions
