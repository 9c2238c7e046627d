select
    local_date,
    count(*) as half_hours
from {{ ref('int_half_hours') }}
group by local_date
having count(*) not between 46 and 50
    or count(*) <> max(interval_number)
    or count(*) <> max(intervals_in_day)
