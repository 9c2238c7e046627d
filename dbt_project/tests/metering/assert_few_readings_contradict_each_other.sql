-- Two quantities for one half-hour in one load: no later knowledge, a fault of whoever delivered. The one delivered last
-- stands, the others are in int_meter_reading_supersessions; more than a few stop the build.
with

contradictions as (

    select count(*) as row_count
    from {{ ref('int_meter_reading_supersessions') }}
    where reason = 'restated'
        and _dlt_load_id = _changed_load_id

),

accepted as (

    select coalesce(sum(accepted_rows), 0) as row_count
    from {{ ref('conservation_reading_loads') }}

)

select
    contradictions.row_count as contradicting_rows,
    accepted.row_count as accepted_rows
from contradictions
cross join accepted
where contradictions.row_count > {{ var('contradicting_rows_spared') }}
    and contradictions.row_count > accepted.row_count * {{ var('contradicting_share_at_most') }}
