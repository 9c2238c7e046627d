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
        max(files.rows) as delivered_rows
    from files
    where files.source = 'smart_meters'
        and files.table_name in ('agreements', 'products', 'meterpoints')
    group by files.table_name, files.source_file, files._dlt_load_id

),

ranked as (

    select
        deliveries.*,
        row_number() over (
            partition by deliveries.table_name
            order by deliveries._dlt_load_id desc nulls last, {{ by_bytes('deliveries._source_file') }} desc nulls last
        ) as deliveries_ago
    from deliveries

)

select
    ranked.table_name,
    ranked.delivered_rows,
    ranked.deliveries_ago = 1 as is_current,
    ranked._source_file,
    ranked._dlt_load_id
from ranked
