select
    product_display_name,
    local_date
from {{ ref('daily_product_consumption') }}
group by
    product_display_name,
    local_date
having count(*) > 1
