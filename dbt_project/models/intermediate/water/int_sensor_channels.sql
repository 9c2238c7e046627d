-- Which node and which measure a column of a logger file is. A file of one node says the node in its name; in a file of several
-- a column belongs to the node whose prefix it begins with, the longest of several. Prefixes of all lists count, so that the order
-- in which lists and files come makes no difference. What fits nothing keeps a line with the reason: `unmapped`.

with

log_channels as (

    select * from {{ ref('int_sensor_log_channels') }}

),

nodes as (

    select * from {{ ref('stg_abbanoa__sensor_nodes') }}
    where node_id is not null
        and channel_prefix is not null

),

prefixes as (

    select
        nodes.node_id,
        nodes.channel_prefix,
        min(nodes._dlt_load_id) as _dlt_load_id
    from nodes
    group by
        nodes.node_id,
        nodes.channel_prefix

),

channels as (

    select distinct log_channels.channel
    from log_channels
    where log_channels.node_id is null

),

fitting_prefixes as (

    select
        channels.channel,
        prefixes.node_id,
        prefixes._dlt_load_id,
        row_number() over (
            partition by channels.channel
            order by length(prefixes.channel_prefix) desc nulls last, {{ by_bytes('prefixes.node_id') }} nulls last
        ) as longer_prefixes
    from channels
    inner join prefixes
        on {{ trimmed('channels.channel') }} = prefixes.channel_prefix
        or left({{ trimmed('channels.channel') }}, length(prefixes.channel_prefix) + 1) = prefixes.channel_prefix || ' '

),

named as (

    select
        log_channels.*,
        coalesce(log_channels.node_id, fitting_prefixes.node_id) as known_node_id,
        case
            when upper({{ trimmed('log_channels.unit') }}) = 'L/S' then 'flow'
            when upper({{ trimmed('log_channels.unit') }}) = 'BAR' then 'pressure'
            when upper({{ trimmed('log_channels.unit') }}) in ('M3', 'M³', 'MC') then 'totaliser'
            when upper({{ trimmed('log_channels.unit') }}) in ('°C', 'GRD. C', 'GRD.C', 'GRD C') then 'temperature'
        end as measure,
        greatest(
            log_channels._dlt_load_id, coalesce(fitting_prefixes._dlt_load_id, log_channels._dlt_load_id)
        ) as _changed_load_id
    from log_channels
    left join fitting_prefixes
        on log_channels.node_id is null
        and log_channels.channel = fitting_prefixes.channel
        and fitting_prefixes.longer_prefixes = 1

),

ranked as (

    select
        named.*,
        row_number() over (
            partition by named._dlt_load_id, named._source_file, named.known_node_id, named.measure
            order by named.first_source_row nulls last
        ) as measure_number
    from named

)

select
    ranked.known_node_id as node_id,
    ranked.node_id as node_id_in_name,
    ranked.channel,
    ranked.unit,
    case
        when ranked.measure = 'pressure' and ranked.measure_number = 2 then 'pressure_2'
        when ranked.measure_number = 1 then ranked.measure
    end as measure,
    case
        when ranked.known_node_id is null then 'unknown_node'
        when ranked.measure is null then 'unknown_unit'
        when ranked.measure_number > case when ranked.measure = 'pressure' then 2 else 1 end then 'surplus_channel'
    end as unmapped_reason,
    ranked.cell_count,
    ranked.value_count,
    ranked._source_file,
    ranked._dlt_load_id,
    ranked._changed_load_id
from ranked
