-- Nights whose least inflow stands above the median of the weeks before by more than nights differ from each other; two known
-- nights in a row, since one may be a neighbour filling a pool. A run of such nights is one event.

with

nights as (

    select * from {{ ref('night_flow') }}
    where minimum_flow_lps is not null

),

judged as (

    select
        nights.*,
        nights.earlier_night_count >= {{ var('abbanoa_night_least_nights') }}
        and nights.rise_lps >= greatest(
            {{ var('abbanoa_night_rise_lps') }},
            {{ var('abbanoa_night_rise_share') }} * nights.usual_flow_lps,
            {{ var('abbanoa_night_rise_threshold') }} * 1.4826 * nights.deviation_lps
        ) as is_risen
    from nights

),

compared as (

    select
        judged.*,
        lag(judged.is_risen) over in_order as was_risen
    from judged
    window in_order as (partition by judged.district_id order by judged.local_date nulls last)

),

numbered as (

    select
        compared.*,
        count(*) filter (where compared.is_risen and compared.was_risen is not true) over (
            partition by compared.district_id order by compared.local_date nulls last
        ) as event_number
    from compared

)

select
    numbered.district_id,
    count(*) as night_count,
    max(numbered.minimum_flow_lps) as actual_value,
    {{ middle('numbered.usual_flow_lps') }} as expected_value,
    min(numbered.local_date) as first_local_date,
    max(numbered.local_date) as last_local_date,
    min(numbered.starts_at) as starts_at,
    max(numbered.ends_at) as ends_at
from numbered
where numbered.is_risen
group by
    numbered.district_id,
    numbered.event_number
having count(*) >= {{ var('abbanoa_night_rise_nights') }}
