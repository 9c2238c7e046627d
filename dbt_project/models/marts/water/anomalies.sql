{% set largest = '9999999.99' %}

with

events_of_hours as (

    select * from {{ ref('int_anomalies_of_hours') }}

),

events_of_readings as (

    select * from {{ ref('int_anomalies_of_readings') }}

),

gaps as (

    select * from {{ ref('int_anomalies_of_gaps') }}

),

nights as (

    select * from {{ ref('int_anomalies_of_nights') }}

),

events as (

    select
        events_of_hours.node_id,
        events_of_hours.district_id,
        events_of_hours.anomaly_type,
        events_of_hours.measurement_type,
        case events_of_hours.anomaly_type when 'no_flow' then 'critical' else 'warning' end as severity,
        case events_of_hours.anomaly_type
            when 'flat_line' then 'one value in all readings of consecutive hours while water moves'
            when 'no_flow' then 'zero in all readings of consecutive hours that always have flow'
            else 'pressure is flow times one factor in consecutive hours'
        end as detection_method,
        '{"table": "computed_metrics", "time_window": "1hour", "hours": ' || cast(events_of_hours.hour_count as text)
        || ', "value": ' || cast(events_of_hours.actual_value as text) || '}' as evidence,
        events_of_hours.actual_value,
        events_of_hours.expected_value,
        events_of_hours.reading_count,
        events_of_hours.starts_at,
        events_of_hours.ends_at
    from events_of_hours

    union all

    select
        events_of_readings.node_id,
        events_of_readings.district_id,
        events_of_readings.anomaly_type,
        events_of_readings.measurement_type,
        case
            when events_of_readings.anomaly_type = 'out_of_range' then 'warning'
            when abs(events_of_readings.actual_value - events_of_readings.expected_value)
                > {{ 2 * var('abbanoa_outlier_threshold') }} * events_of_readings.scatter then 'critical'
            else 'warning'
        end as severity,
        case events_of_readings.anomaly_type
            when 'out_of_range' then 'outside of what the sensor can measure'
            else 'distance from the median of this hour of day, in median deviations'
        end as detection_method,
        '{"table": "fct_sensor_readings", "readings": ' || cast(events_of_readings.reading_count as text)
        || ', "limit_or_median": ' || cast(events_of_readings.expected_value as text)
        || coalesce(', "scatter": ' || cast(events_of_readings.scatter as text), '') || '}' as evidence,
        events_of_readings.actual_value,
        events_of_readings.expected_value,
        events_of_readings.reading_count,
        events_of_readings.starts_at,
        events_of_readings.ends_at
    from events_of_readings

    union all

    select
        gaps.node_id,
        gaps.district_id,
        'gap' as anomaly_type,
        'all' as measurement_type,
        case
            when gaps.silent_s < 6 * 3600 then 'info'
            when gaps.silent_s < 24 * 3600 then 'warning'
            else 'critical'
        end as severity,
        'no reading for longer than the expected interval' as detection_method,
        '{"table": "fct_sensor_readings", "interval_minutes": ' || cast(gaps.interval_minutes as text)
        || ', "is_open": ' || case when gaps.is_open then 'true' else 'false' end || '}' as evidence,
        cast(gaps.silent_s as numeric(18, 6)) as actual_value,
        cast(gaps.interval_minutes * 60 as numeric(18, 6)) as expected_value,
        cast(0 as bigint) as reading_count,
        gaps.starts_at,
        gaps.ends_at
    from gaps

    union all

    select
        cast(null as {{ dbt.type_string() }}) as node_id,
        nights.district_id,
        'night_flow_rise' as anomaly_type,
        'flow' as measurement_type,
        case
            when nights.actual_value - nights.expected_value
                >= 2 * {{ var('abbanoa_night_rise_lps') }} then 'critical'
            else 'warning'
        end as severity,
        'least inflow of consecutive nights above the median of the nights before' as detection_method,
        '{"table": "night_flow", "nights": ' || cast(nights.night_count as text)
        || ', "first": "' || cast(nights.first_local_date as text)
        || '", "last": "' || cast(nights.last_local_date as text) || '"}' as evidence,
        nights.actual_value,
        nights.expected_value,
        nights.night_count as reading_count,
        nights.starts_at,
        nights.ends_at
    from nights

),

deviations as (

    select
        events.*,
        {{ ratio('(events.actual_value - events.expected_value) * 100', 'abs(events.expected_value)', 2) }}
            as uncapped_deviation_pct
    from events

)

select
    {{ md5_text(
        "coalesce(deviations.node_id, '') || chr(31) || coalesce(deviations.district_id, '') || chr(31)"
        ~ " || deviations.anomaly_type || chr(31) || deviations.measurement_type || chr(31)"
        ~ " || cast(deviations.starts_at as text)"
    ) }} as anomaly_key,
    deviations.node_id,
    deviations.district_id,
    {{ as_text('deviations.anomaly_type') }} as anomaly_type,
    {{ as_text('deviations.severity') }} as severity,
    {{ as_text('deviations.measurement_type') }} as measurement_type,
    {{ as_text('deviations.detection_method') }} as detection_method,
    {{ as_text('deviations.evidence') }} as evidence,
    cast(deviations.actual_value as numeric(18, 6)) as actual_value,
    cast(deviations.expected_value as numeric(18, 6)) as expected_value,
    -- greatest() and least() pass over nulls.
    cast(
        case
            when deviations.uncapped_deviation_pct is not null
                then greatest(-{{ largest }}, least({{ largest }}, deviations.uncapped_deviation_pct))
        end as numeric(12, 2)
    ) as deviation_pct,
    deviations.reading_count,
    deviations.starts_at,
    deviations.ends_at
from deviations
