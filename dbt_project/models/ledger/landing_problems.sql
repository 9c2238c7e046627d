with

problems as (

    select * from {{ ref('stg_landing__problems') }}

)

select
    run_id,
    source,
    table_name,
    uri,
    code,
    message,
    source_column,
    source_row,
    occurred_at
from problems
