-- What becomes of sensor readings after raw. Each amount is counted where it stands: none is the rest of another. Volumes begin
-- with the totaliser itself, the last reading of a node less its first, and end in the windows: what flowed, what fell into
-- no window (unmapped), what was a reset (rejected; it is what a counter jumped by, not water).

with

raw_loads as (

    select * from {{ ref('conservation_raw_loads') }}
    where source = 'abbanoa'

),

log_loads as (

    select * from {{ ref('conservation_log_loads') }}

),

channels as (

    select * from {{ ref('int_sensor_channels') }}

),

table_readings as (

    select * from {{ ref('int_sensor_table_readings') }}

),

log_readings as (

    select * from {{ ref('int_sensor_log_readings') }}

),

supersessions as (

    select * from {{ ref('int_sensor_reading_supersessions') }}

),

readings as (

    select * from {{ ref('fct_sensor_readings') }}

),

windows as (

    select * from {{ ref('computed_metrics') }}

),

daily_quality as (

    select * from {{ ref('data_quality_daily') }}

),

loaded as (

    select coalesce(sum(raw_loads.raw_rows) filter (where raw_loads.table_name = 'sensor_readings'), 0) as table_rows
    from raw_loads

),

loaded_logs as (

    select
        coalesce(sum(log_loads.raw_rows), 0) as log_rows,
        coalesce(sum(log_loads.raw_values), 0) as log_values
    from log_loads

),

unmapped_channels as (

    select
        coalesce(sum(channels.cell_count), 0) as unmapped_rows,
        coalesce(sum(channels.value_count), 0) as unmapped_values
    from channels
    where channels.unmapped_reason is not null

),

judged_table as (

    select
        count(*) filter (where table_readings.rejected_reason is null) as accepted_rows,
        count(*) filter (where table_readings.rejected_reason is not null) as rejected_rows
    from table_readings

),

judged_logs as (

    select
        count(*) filter (where log_readings.rejected_reason is null) as accepted_rows,
        coalesce(sum(log_readings.cell_count) filter (where log_readings.rejected_reason is null), 0) as accepted_cells,
        coalesce(sum(log_readings.cell_count) filter (where log_readings.rejected_reason is not null), 0)
            as rejected_cells,
        coalesce(sum(log_readings.value_count) filter (where log_readings.rejected_reason is null), 0)
            as accepted_values,
        coalesce(sum(log_readings.value_count) filter (where log_readings.rejected_reason is not null), 0)
            as rejected_values
    from log_readings

),

replaced as (

    select count(*) as superseded_rows
    from supersessions
    where supersessions.reason <> 'none'

),

standing as (

    select count(*) as standing_rows
    from readings

),

counted_spans as (

    select
        readings.node_id,
        min(readings.read_at) as first_read_at,
        max(readings.read_at) as last_read_at
    from readings
    where readings.totaliser_m3 is not null
    group by readings.node_id

),

counters as (

    select
        coalesce(sum(last_readings.totaliser_m3), 0) - coalesce(sum(first_readings.totaliser_m3), 0) as counted_m3
    from counted_spans
    inner join readings as first_readings
        on counted_spans.node_id = first_readings.node_id
        and counted_spans.first_read_at = first_readings.read_at
    inner join readings as last_readings
        on counted_spans.node_id = last_readings.node_id
        and counted_spans.last_read_at = last_readings.read_at

),

measured as (

    select
        {% for size in ['5min', '1hour', '1day'] %}
        {% for column in ['reading_count', 'volume_m3', 'unassigned_m3', 'reset_m3'] %}
        coalesce(sum(windows.{{ column }}) filter (where windows.time_window = '{{ size }}'), 0)
            as {{ column }}_of_{{ size }},
        {% endfor %}
        {% endfor %}
        count(*) as window_count
    from windows

),

qualified as (

    select coalesce(sum(daily_quality.reading_count), 0) as reading_count
    from daily_quality

)

{{ balance(
    'abbanoa', 'raw sensor_readings to versions', 'rows', 'loaded.table_rows', 'judged_table.accepted_rows',
    rejected='judged_table.rejected_rows'
) }}
from loaded
cross join judged_table

union all

{{ balance(
    'abbanoa', 'raw sensor_logs to versions', 'rows', 'loaded_logs.log_rows', 'judged_logs.accepted_cells',
    rejected='judged_logs.rejected_cells', unmapped='unmapped_channels.unmapped_rows'
) }}
from loaded_logs
cross join judged_logs
cross join unmapped_channels

union all

{{ balance(
    'abbanoa', 'raw sensor_logs to versions', 'values', 'loaded_logs.log_values', 'judged_logs.accepted_values',
    rejected='judged_logs.rejected_values', unmapped='unmapped_channels.unmapped_values'
) }}
from loaded_logs
cross join judged_logs
cross join unmapped_channels

union all

{{ balance(
    'abbanoa', 'versions to fct_sensor_readings', 'rows', 'judged_table.accepted_rows + judged_logs.accepted_rows',
    'standing.standing_rows', superseded='replaced.superseded_rows'
) }}
from judged_table
cross join judged_logs
cross join standing
cross join replaced

union all

{% for size in ['5min', '1hour', '1day'] %}
{{ balance(
    'abbanoa', 'fct_sensor_readings to computed_metrics ' ~ size, 'rows', 'standing.standing_rows',
    'measured.reading_count_of_' ~ size
) }}
from standing
cross join measured

union all

{{ balance(
    'abbanoa', 'fct_sensor_readings to computed_metrics ' ~ size, 'm3', 'counters.counted_m3',
    'measured.volume_m3_of_' ~ size, rejected='measured.reset_m3_of_' ~ size, unmapped='measured.unassigned_m3_of_' ~ size
) }}
from counters
cross join measured

union all

{% endfor %}
{{ balance(
    'abbanoa', 'fct_sensor_readings to data_quality_daily', 'rows', 'standing.standing_rows', 'qualified.reading_count'
) }}
from standing
cross join qualified
