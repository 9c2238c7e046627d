-- Validity is counted in gas days that the asset posted: a gas day nobody landed says nothing about any location, so what held
-- before it goes on; a gas day that was posted without the location ends it.

with

location_days as (

    select * from {{ ref('int_capacity_location_days') }}

),

gas_days as (

    select
        location_days.asset,
        location_days.gas_day,
        lead(location_days.gas_day) over (
            partition by location_days.asset order by location_days.gas_day nulls last
        ) as next_gas_day
    from location_days
    group by
        location_days.asset,
        location_days.gas_day

),

followed as (

    select
        location_days.*,
        gas_days.next_gas_day,
        {% for column in ['location_name', 'zone', 'design_capacity_dth', 'operating_capacity_dth'] -%}
        lag(location_days.{{ column }}) over (
            partition by location_days.location_key order by location_days.gas_day nulls last
        ) as previous_{{ column }},
        {% endfor -%}
        lag(gas_days.next_gas_day) over (
            partition by location_days.location_key order by location_days.gas_day nulls last
        ) as expected_gas_day
    from location_days
    inner join gas_days
        on location_days.asset = gas_days.asset
        and location_days.gas_day = gas_days.gas_day

),

numbered as (

    select
        followed.*,
        sum(
            case
                when followed.gas_day is distinct from followed.expected_gas_day then 1
                {%- for column in ['location_name', 'zone', 'design_capacity_dth', 'operating_capacity_dth'] %}
                when followed.{{ column }} is distinct from followed.previous_{{ column }} then 1
                {%- endfor %}
                else 0
            end
        ) over (
            partition by followed.location_key
            order by followed.gas_day nulls last
            rows between unbounded preceding and current row
        ) as version_number
    from followed

)

select
    numbered.location_key,
    numbered.asset,
    numbered.loc,
    numbered.flow_direction,
    numbered.location_name,
    numbered.zone,
    cast(numbered.version_number as bigint) as version_number,
    count(*) as posted_gas_days,
    numbered.design_capacity_dth,
    numbered.operating_capacity_dth,
    count(*) > count(numbered.next_gas_day) as is_current,
    min(numbered.gas_day) as valid_from,
    case when count(*) = count(numbered.next_gas_day) then max(numbered.next_gas_day) end as valid_until
from numbered
group by
    numbered.location_key,
    numbered.asset,
    numbered.loc,
    numbered.flow_direction,
    numbered.location_name,
    numbered.zone,
    numbered.version_number,
    numbered.design_capacity_dth,
    numbered.operating_capacity_dth
