-- The first hop of every raw table: what the readers of the files counted, and what stands in raw. Two counts that know
-- nothing of each other; a new source is here at once.

with

files as (

    select * from {{ ref('stg_landing__files') }}

),

raw_loads as (

    select * from {{ ref('conservation_raw_loads') }}

),

landed as (

    select
        files.source,
        files.table_name,
        sum(files.rows) as landed_rows
    from files
    where files.rows > 0
    group by
        files.source,
        files.table_name

),

loaded as (

    select
        raw_loads.source,
        raw_loads.table_name,
        sum(raw_loads.raw_rows) as raw_rows
    from raw_loads
    group by
        raw_loads.source,
        raw_loads.table_name

)

select
    coalesce(landed.source, loaded.source) as source,
    'landed files to raw ' || coalesce(landed.table_name, loaded.table_name) as hop,
    'rows' as measure,
    cast(coalesce(landed.landed_rows, 0) as numeric(38, 6)) as amount_in,
    cast(coalesce(loaded.raw_rows, 0) as numeric(38, 6)) as kept,
    cast(0 as numeric(38, 6)) as superseded,
    cast(0 as numeric(38, 6)) as rejected,
    cast(0 as numeric(38, 6)) as unmapped
from landed
full outer join loaded
    on landed.source = loaded.source
    and landed.table_name = loaded.table_name
