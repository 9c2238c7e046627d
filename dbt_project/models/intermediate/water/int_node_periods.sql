-- A period begins with the list in which a node appears, changes, vanishes or returns. While it is on no list it keeps what
-- the last one said, so that its readings still have a zone; and its first period reaches back to the beginning of time, since
-- readings are often older than the first list.

{% set attributes = [
    'node_name', 'node_type', 'district_id', 'district_name', 'location_name', 'channel_prefix', 'metadata', 'latitude',
    'longitude', 'expected_interval_minutes', 'is_active', 'installation_date', 'last_maintenance_date',
] %}

with

nodes as (

    select * from {{ ref('stg_abbanoa__sensor_nodes') }}
    where node_id is not null

),

deliveries as (

    select * from {{ ref('int_node_deliveries') }}

),

listed as (

    select
        nodes.*,
        deliveries.list_number,
        row_number() over (
            partition by nodes.node_id, deliveries.list_number order by nodes._source_row desc nulls last
        ) as rows_later
    from nodes
    inner join deliveries
        on nodes._source_file = deliveries._source_file
        and nodes._dlt_load_id = deliveries._dlt_load_id

),

first_lists as (

    select
        listed.node_id,
        min(listed.list_number) as first_list_number
    from listed
    group by listed.node_id

),

states as (

    select
        first_lists.node_id,
        {% for name in attributes %}
        listed.{{ name }},
        {% endfor %}
        listed.node_id is not null as is_listed,
        deliveries.list_number,
        deliveries.effective_on,
        deliveries._source_file,
        listed._source_row,
        deliveries._dlt_load_id,
        deliveries._replaced_load_id
    from first_lists
    inner join deliveries on first_lists.first_list_number <= deliveries.list_number
    left join listed
        on first_lists.node_id = listed.node_id
        and deliveries.list_number = listed.list_number
        and listed.rows_later = 1

),

preceded as (

    select
        states.*,
        lag(states.list_number) over in_order as previous_list_number,
        lag(states.is_listed) over in_order as previous_is_listed,
        {% for name in attributes %}
        lag(states.{{ name }}) over in_order as previous_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from states
    window in_order as (partition by states.node_id order by states.list_number nulls last)

),

compared as (

    select
        preceded.*,
        preceded.previous_list_number is null
        or preceded.previous_is_listed <> preceded.is_listed
        {% for name in attributes %}
        or (preceded.{{ name }} is distinct from preceded.previous_{{ name }})
        {% endfor %}
        as is_change
    from preceded

),

changes as (

    select
        compared.*,
        -- The last list that had the node: counted up, so that the rows of its absence fall to it.
        count(*) filter (where compared.is_listed) over (
            partition by compared.node_id order by compared.list_number nulls last
        ) as listed_number,
        row_number() over (partition by compared.node_id order by compared.list_number nulls last) as change_number,
        lead(compared.effective_on) over (
            partition by compared.node_id order by compared.list_number nulls last
        ) as next_effective_on,
        -- greatest() passes over nulls.
        greatest(
            max(compared._dlt_load_id) over (partition by compared.node_id), compared._replaced_load_id
        ) as _changed_load_id
    from compared
    where compared.is_change

)

select
    changes.node_id,
    {% for name in attributes %}
    last_listed.{{ name }},
    {% endfor %}
    changes.is_listed,
    case
        when changes.change_number = 1 then cast('0001-01-01' as date)
        else changes.effective_on
    end as holds_from,
    coalesce(changes.next_effective_on, cast('9999-12-31' as date)) as holds_until,
    changes.effective_on as listed_from,
    changes._source_file,
    changes._source_row,
    changes._dlt_load_id,
    changes._changed_load_id
from changes
inner join changes as last_listed
    on changes.node_id = last_listed.node_id
    and changes.listed_number = last_listed.listed_number
    and last_listed.is_listed
