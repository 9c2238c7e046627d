-- A ledger that lost its lines would explain everything.
select
    delivered.source,
    count(conservation.hop) as hops
from (
    select 'smart_meters' as source, loads.raw_rows
    from {{ ref('conservation_reading_loads') }} as loads
    union all
    select 'winnipeg_billing' as source, loads.raw_rows
    from {{ ref('conservation_raw_bills') }} as loads
) as delivered
left join {{ ref('conservation') }} as conservation
    on delivered.source = conservation.source
    and conservation.amount_in > 0
    and conservation.measure = 'rows'
where delivered.raw_rows > 0
group by delivered.source
having count(distinct conservation.hop) < 4
