select
    starts_at,
    ends_at
from {{ ref('half_hourly_consumption') }}
group by
    starts_at,
    ends_at
having count(*) > 1
