-- Neighbouring gaps would be one gap.
select
    gaps.meterpoint_id,
    gaps.starts_at
from {{ ref('interval_gaps') }} as gaps
left join {{ ref('interval_gaps') }} as before
    on gaps.meterpoint_id = before.meterpoint_id
    and gaps.starts_at = before.ends_at
group by
    gaps.meterpoint_id,
    gaps.starts_at
having count(*) > 1
    or count(before.meterpoint_id) > 0
