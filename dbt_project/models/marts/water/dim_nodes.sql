-- What the latest lists say. A node that only readings name has a line too, so that no reading is lost by a join.

with

periods as (

    select * from {{ ref('int_node_periods') }}
    where holds_until = cast('9999-12-31' as date)

),

node_days as (

    select * from {{ ref('int_sensor_windows') }}
    where time_window = '1day'

),

read_nodes as (

    select
        node_days.node_id,
        cast(sum(node_days.reading_count) as bigint) as reading_count,
        min(node_days.first_read_at) as first_read_at,
        max(node_days.last_read_at) as last_read_at
    from node_days
    group by node_days.node_id

)

select
    coalesce(periods.node_id, read_nodes.node_id) as node_id,
    periods.node_name,
    periods.node_type,
    case
        when periods.node_type in ({{ text_list(var('abbanoa_input_types')) }}) then 'input'
        when periods.node_type in ({{ text_list(var('abbanoa_output_types')) }}) then 'output'
        else 'other'
    end as balance_side,
    periods.district_id,
    periods.district_name,
    periods.location_name,
    periods.channel_prefix,
    periods.metadata,
    periods.latitude,
    periods.longitude,
    periods.expected_interval_minutes,
    coalesce(read_nodes.reading_count, 0) as reading_count,
    coalesce(periods.is_listed, false) as is_listed,
    periods.is_active,
    periods.installation_date,
    periods.last_maintenance_date,
    read_nodes.first_read_at,
    read_nodes.last_read_at
from periods
full outer join read_nodes on periods.node_id = read_nodes.node_id
