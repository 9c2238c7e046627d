-- What becomes of operational capacity after raw. Each amount is counted where it stands: none is the rest of another.

with

loads as (

    select * from {{ ref('conservation_capacity_loads') }}

),

lines as (

    select * from {{ ref('int_capacity_lines') }}
    where status = 'kept'

),

postings as (

    select * from {{ ref('int_capacity_postings') }}

),

capacity as (

    select * from {{ ref('fct_operational_capacity') }}

),

location_days as (

    select
        capacity.location_key,
        capacity.gas_day
    from capacity
    group by
        capacity.location_key,
        capacity.gas_day

),

best_available as (

    select * from {{ ref('capacity_best_available') }}

),

revisions as (

    select * from {{ ref('capacity_revisions') }}

),

loaded as (

    select
        {%- for status in ['raw', 'kept', 'superseded', 'rejected'] %}
        coalesce(sum(loads.{{ status }}_rows), 0) as {{ status }}_rows,
        coalesce(sum(loads.{{ status }}_dth), 0) as {{ status }}_dth
        {{- ',' if not loop.last }}
        {%- endfor %}
    from loads

),

replaced as (

    select
        count(*) filter (where not postings.is_latest) as superseded_rows,
        coalesce(sum(lines.scheduled_quantity_dth) filter (where not postings.is_latest), 0) as superseded_dth,
        count(*) filter (where postings.is_repeat) as repeated_rows,
        coalesce(sum(lines.scheduled_quantity_dth) filter (where postings.is_repeat), 0) as repeated_dth,
        count(*) filter (where postings.is_latest and not postings.is_best_available) as earlier_cycle_rows,
        coalesce(
            sum(lines.scheduled_quantity_dth) filter (where postings.is_latest and not postings.is_best_available), 0
        ) as earlier_cycle_dth
    from lines
    inner join postings
        on lines.asset = postings.asset
        and lines.gas_day = postings.gas_day
        and lines.cycle_id = postings.cycle_id
        and lines._source_file = postings._source_file
        and lines._dlt_load_id = postings._dlt_load_id

),

standing as (

    select
        count(*) as standing_rows,
        coalesce(sum(capacity.scheduled_quantity_dth), 0) as standing_dth
    from capacity

),

posted_locations as (

    select count(*) as location_days
    from location_days

),

best as (

    select
        count(*) filter (where best_available.is_posted) as posted_rows,
        count(*) filter (where not best_available.is_posted) as absent_rows,
        coalesce(sum(best_available.scheduled_quantity_dth), 0) as posted_dth
    from best_available

),

revised as (

    select
        count(*) filter (where revisions.change <> 'disappeared') as step_rows,
        coalesce(sum(revisions.scheduled_quantity_dth), 0) as step_dth
    from revisions

)

{% for measure in ['rows', 'dth'] %}
{{ balance(
    'energy_transfer', 'raw operational_capacity to lines', measure,
    'loaded.raw_' ~ measure, 'loaded.kept_' ~ measure,
    superseded='loaded.superseded_' ~ measure, rejected='loaded.rejected_' ~ measure
) }}
from loaded

union all

{{ balance(
    'energy_transfer', 'lines to fct_operational_capacity', measure,
    'loaded.kept_' ~ measure, 'standing.standing_' ~ measure, superseded='replaced.superseded_' ~ measure
) }}
from loaded
cross join standing
cross join replaced

union all

{{ balance(
    'energy_transfer', 'lines to capacity_revisions', measure,
    'loaded.kept_' ~ measure, 'revised.step_' ~ measure, superseded='replaced.repeated_' ~ measure
) }}
from loaded
cross join revised
cross join replaced

union all

{{ balance(
    'energy_transfer', 'fct_operational_capacity to capacity_best_available', measure,
    'standing.standing_' ~ measure, 'best.posted_' ~ measure, superseded='replaced.earlier_cycle_' ~ measure
) }}
from standing
cross join best
cross join replaced

union all

{% endfor %}
{{ balance(
    'energy_transfer', 'locations of gas days to capacity_best_available', 'rows',
    'posted_locations.location_days', 'best.posted_rows', unmapped='best.absent_rows'
) }}
from posted_locations
cross join best
