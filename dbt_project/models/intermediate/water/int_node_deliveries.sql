-- Each delivered node list is a full snapshot. It holds from the day that its name says (nodes_20210215.csv), else from the
-- day of its delivery; of two lists for one day the later one holds.

{% set zone = var('abbanoa_timezone') %}

with

files as (

    select * from {{ ref('stg_landing__files') }}

),

lists as (

    select
        files.source_file as _source_file,
        files._dlt_load_id,
        files.delivered_at,
        files.uri,
        coalesce(
            {{ day_in_name('files.uri') }},
            {{ local_date('files.delivered_at', zone) }},
            {{ local_date('files.landed_at', zone) }}
        ) as effective_on
    from files
    where files.source = 'abbanoa'
        and files.table_name = 'sensor_nodes'

),

ranked as (

    select
        lists.*,
        row_number() over (
            partition by lists.effective_on
            order by
                lists._dlt_load_id desc nulls last,
                lists.delivered_at desc nulls last,
                {{ by_bytes('lists.uri') }} desc nulls last,
                {{ by_bytes('lists._source_file') }} desc nulls last
        ) as lists_later,
        count(*) over (partition by lists.effective_on) as list_count
    from lists

)

select
    row_number() over (order by ranked.effective_on nulls last) as list_number,
    ranked.effective_on,
    ranked._source_file,
    ranked._dlt_load_id,
    -- What a list took back that it replaced is no change any more, yet changed what was built by it.
    max(case when ranked.list_count > 1 then ranked._dlt_load_id end) over () as _replaced_load_id
from ranked
where ranked.lists_later = 1
