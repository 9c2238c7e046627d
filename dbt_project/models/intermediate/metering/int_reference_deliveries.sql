-- Each delivered SQLite file is a full snapshot of its tables. Deliveries come from the list of landed files, not from
-- the rows, so that a snapshot whose table was empty is a delivery too.

with

files as (

    select * from {{ ref('stg_landing__files') }}

),

deliveries as (

    select
        files.table_name,
        files.source_file as _source_file,
        files._dlt_load_id,
        max(files.uri) as uri,
        max(files.rows) as delivered_rows,
        max(files.delivered_at) as delivered_at,
        max(files.landed_at) as landed_at
    from files
    where files.source = 'smart_meters'
        and files.table_name in ('agreements', 'products', 'meterpoints')
    group by files.table_name, files.source_file, files._dlt_load_id

),

numbered as (

    select
        deliveries.*,
        row_number() over (
            partition by deliveries.table_name
            order by {{ delivery_order('deliveries') }}
        ) as delivery_number
    from deliveries

)

select
    numbered.table_name,
    numbered.uri,
    numbered.delivered_rows,
    numbered.delivery_number = max(numbered.delivery_number) over (partition by numbered.table_name) as is_current,
    numbered.delivered_at,
    numbered.landed_at,
    numbered._source_file,
    numbered._dlt_load_id
from numbered
