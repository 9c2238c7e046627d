-- Each posted line finds one version of its location, valid on its gas day and with its capacities.
select
    capacity.location_key,
    capacity.gas_day,
    count(locations.location_key) as versions
from {{ ref('capacity_best_available') }} as capacity
left join {{ ref('dim_locations') }} as locations
    on capacity.location_key = locations.location_key
    and capacity.gas_day >= locations.valid_from
    and (locations.valid_until is null or capacity.gas_day < locations.valid_until)
    and capacity.design_capacity_dth is not distinct from locations.design_capacity_dth
    and capacity.operating_capacity_dth is not distinct from locations.operating_capacity_dth
where capacity.is_posted
group by
    capacity.location_key,
    capacity.gas_day
having count(locations.location_key) <> 1
