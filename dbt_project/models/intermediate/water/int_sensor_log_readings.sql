{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['_dlt_load_id', '_source_file'],
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
        indexes=row_indexes(['node_id', 'read_at'], ['_changed_load_id']),
    )
}}

-- One row per node and stamp out of the columns of a logger file. A file is written anew when a node list has since named a
-- node for one of its columns. The n-th value of a column under one stamp belongs to the n-th row with it: of the hour that the
-- clocks repeat the first is summer time, every later one standard time.

{% set watermark = load_watermark(this, '_changed_load_id') or "''" %}
{% set zone = var('abbanoa_timezone') %}

with

channels as (

    select * from {{ ref('int_sensor_channels') }}

),

changed_files as (

    select
        channels._source_file,
        channels._dlt_load_id,
        max(channels._changed_load_id) as _changed_load_id
    from channels
    where channels.unmapped_reason is null
    group by
        channels._source_file,
        channels._dlt_load_id
    {% if is_incremental() -%}
    having max(channels._changed_load_id) > {{ watermark }}
    {%- endif %}

),

logs as (

    select * from {{ ref('stg_abbanoa__sensor_logs') }}
    {% if is_incremental() -%}
    where _dlt_load_id in (select changed_files._dlt_load_id from changed_files)
    {%- endif %}

),

logged_values as (

    select
        channels.node_id,
        channels.measure,
        logs.logged_value,
        logs.read_at_local,
        row_number() over (
            partition by
                logs._dlt_load_id, logs._source_file, logs.channel, logs.unit, logs.read_at_local
            order by logs._source_row nulls last
        ) as occurrence,
        logs._source_file,
        logs._source_row,
        logs._dlt_load_id,
        changed_files._changed_load_id,
        logs._parse_failures
    from logs
    inner join channels
        on logs._source_file = channels._source_file
        and logs._dlt_load_id = channels._dlt_load_id
        and logs.channel is not distinct from channels.channel
        and logs.unit is not distinct from channels.unit
        and logs.node_id is not distinct from channels.node_id_in_name
    inner join changed_files
        on logs._source_file = changed_files._source_file
        and logs._dlt_load_id = changed_files._dlt_load_id
    where channels.unmapped_reason is null

),

pivoted as (

    select
        logged_values.node_id,
        max(logged_values.logged_value) filter (where logged_values.measure = 'flow') as flow_lps,
        max(logged_values.logged_value) filter (where logged_values.measure = 'pressure') as pressure_bar,
        max(logged_values.logged_value) filter (where logged_values.measure = 'pressure_2') as pressure_2_bar,
        max(logged_values.logged_value) filter (where logged_values.measure = 'temperature') as temperature_celsius,
        max(logged_values.logged_value) filter (where logged_values.measure = 'totaliser') as totaliser_m3,
        count(*) as cell_count,
        count(logged_values.logged_value) as value_count,
        logged_values.occurrence,
        logged_values.read_at_local,
        {{ local_to_utc('logged_values.read_at_local', zone) }} as later_read_at,
        logged_values._source_file,
        min(logged_values._source_row) as _source_row,
        logged_values._dlt_load_id,
        logged_values._changed_load_id,
        max(logged_values._parse_failures) as _parse_failures
    from logged_values
    group by
        logged_values.node_id,
        logged_values.occurrence,
        logged_values.read_at_local,
        logged_values._source_file,
        logged_values._dlt_load_id,
        logged_values._changed_load_id

),

located as (

    select
        pivoted.*,
        case
            when pivoted.occurrence = 1 and {{ is_repeated_hour('pivoted.later_read_at', zone) }}
                then {{ dbt.dateadd('hour', -1, 'pivoted.later_read_at') }}
            else pivoted.later_read_at
        end as read_at
    from pivoted

),

loads as (

    {{ load_times() }}

)

select
    located.node_id,
    case
        when located.read_at_local is null then 'no_instant'
        when located.read_at is null then 'skipped_hour'
        when located.read_at > loads.landed_at + interval '1' day then 'in_the_future'
        when located.value_count = 0 then 'no_measure'
    end as rejected_reason,
    cast(located.flow_lps as numeric(18, 6)) as flow_lps,
    cast(located.pressure_bar as numeric(18, 6)) as pressure_bar,
    cast(located.pressure_2_bar as numeric(18, 6)) as pressure_2_bar,
    cast(located.temperature_celsius as numeric(18, 6)) as temperature_celsius,
    cast(located.totaliser_m3 as numeric(18, 6)) as totaliser_m3,
    located.cell_count,
    located.value_count,
    located.read_at_local,
    located.read_at,
    located._source_file,
    located._source_row,
    located._dlt_load_id,
    located._changed_load_id,
    located._parse_failures
from located
left join loads on located._dlt_load_id = loads.load_id
