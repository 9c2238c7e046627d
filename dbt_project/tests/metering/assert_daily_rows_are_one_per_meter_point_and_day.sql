select
    meterpoint_id,
    local_date
from {{ ref('daily_meterpoint_consumption') }}
group by
    meterpoint_id,
    local_date
having count(*) > 1
