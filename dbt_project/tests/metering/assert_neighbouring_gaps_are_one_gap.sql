select
    gaps.meterpoint_id,
    gaps.starts_at
from {{ ref('interval_gaps') }} as gaps
inner join {{ ref('interval_gaps') }} as before
    on gaps.meterpoint_id = before.meterpoint_id
    and gaps.starts_at = before.ends_at
