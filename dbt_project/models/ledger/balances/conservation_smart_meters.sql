-- What becomes of smart-meter readings and agreements after raw. Each amount is counted where it stands: none is the
-- rest of another. The tables of the history are read by one column or two, raw only where a load was added.

{% set keys = {'agreements': 'agreement_id', 'products': 'product_id', 'meterpoints': 'meterpoint_id'} %}

with

reading_loads as (

    select * from {{ ref('conservation_reading_loads') }}

),

supersessions as (

    select * from {{ ref('int_meter_reading_supersessions') }}

),

meter_readings as (

    select * from {{ ref('fct_meter_readings') }}

),

half_hourly as (

    select * from {{ ref('half_hourly_consumption') }}

),

daily_meterpoints as (

    select * from {{ ref('daily_meterpoint_consumption') }}

),

daily_products as (

    select * from {{ ref('daily_product_consumption') }}

),

agreement_periods as (

    select * from {{ ref('int_agreement_periods') }}

),

agreement_deliveries as (

    select * from {{ ref('int_reference_deliveries') }}

),

loaded_readings as (

    select
        coalesce(sum(reading_loads.raw_rows), 0) as raw_rows,
        coalesce(sum(reading_loads.accepted_rows), 0) as accepted_rows,
        coalesce(sum(reading_loads.rejected_rows), 0) as rejected_rows,
        coalesce(sum(reading_loads.raw_kwh), 0) as raw_kwh,
        coalesce(sum(reading_loads.accepted_kwh), 0) as accepted_kwh,
        coalesce(sum(reading_loads.rejected_kwh), 0) as rejected_kwh
    from reading_loads

),

superseded_readings as (

    select
        count(*) as superseded_rows,
        coalesce(sum(supersessions.consumption_kwh), 0) as superseded_kwh
    from supersessions
    where supersessions.reason <> 'none'

),

standing_readings as (

    select
        count(*) as standing_rows,
        coalesce(sum(meter_readings.consumption_kwh), 0) as standing_kwh
    from meter_readings

),

half_hourly_readings as (

    select
        coalesce(sum(half_hourly.mapped_meterpoint_count), 0) as mapped_rows,
        coalesce(sum(half_hourly.unmapped_meterpoint_count), 0) as unmapped_rows,
        coalesce(sum(half_hourly.mapped_consumption_kwh), 0) as mapped_kwh,
        coalesce(sum(half_hourly.unmapped_consumption_kwh), 0) as unmapped_kwh
    from half_hourly

),

daily_meterpoint_readings as (

    select
        coalesce(sum(daily_meterpoints.reading_count) filter (where daily_meterpoints.has_agreement), 0) as mapped_rows,
        coalesce(sum(daily_meterpoints.reading_count) filter (where not daily_meterpoints.has_agreement), 0)
            as unmapped_rows,
        coalesce(sum(daily_meterpoints.consumption_kwh) filter (where daily_meterpoints.has_agreement), 0)
            as mapped_kwh,
        coalesce(sum(daily_meterpoints.consumption_kwh) filter (where not daily_meterpoints.has_agreement), 0)
            as unmapped_kwh
    from daily_meterpoints

),

daily_product_readings as (

    select
        coalesce(
            sum(daily_products.reading_count) filter (where daily_products.product_display_name <> 'unmapped'), 0
        ) as mapped_rows,
        coalesce(sum(daily_products.reading_count) filter (where daily_products.product_display_name = 'unmapped'), 0)
            as unmapped_rows,
        coalesce(
            sum(daily_products.consumption_kwh) filter (where daily_products.product_display_name <> 'unmapped'), 0
        ) as mapped_kwh,
        coalesce(
            sum(daily_products.consumption_kwh) filter (where daily_products.product_display_name = 'unmapped'), 0
        ) as unmapped_kwh
    from daily_products

),

current_agreements as (

    select coalesce(sum(agreement_deliveries.delivered_rows), 0) as delivered_rows
    from agreement_deliveries
    where agreement_deliveries.table_name = 'agreements'
        and agreement_deliveries.is_current

),

current_deliveries as (

    select * from {{ ref('int_reference_deliveries') }}
    where is_current

),

{% for table, key in keys.items() -%}
delivered_{{ table }} as (

    select
        count(snapshots.{{ key }}) - count(distinct snapshots.{{ key }}) as copied_rows,
        count(*) filter (where snapshots.{{ key }} is null) as keyless_rows
    from {{ ref('stg_smart_meters__' ~ table) }} as snapshots
    inner join current_deliveries
        on current_deliveries.table_name = '{{ table }}'
        and snapshots._source_file = current_deliveries._source_file
        and snapshots._dlt_load_id = current_deliveries._dlt_load_id

),

known_{{ table }} as (

    select count(*) as version_rows
    from {{ ref(table[:-1] ~ '_history') }} as history
    where history.is_current
        and history.is_delivered

),

{% endfor -%}
judged_agreements as (

    select
        count(*) filter (where agreement_periods.is_matchable) as matchable_rows,
        coalesce(sum(agreement_periods.delivered_rows - 1), 0) as copied_rows,
        count(*) filter (where not agreement_periods.is_matchable) as unmatchable_rows
    from agreement_periods

)

{{ balance(
    'smart_meters', 'raw meter_readings to versions', 'rows',
    'loaded_readings.raw_rows', 'loaded_readings.accepted_rows', rejected='loaded_readings.rejected_rows'
) }}
from loaded_readings

union all

{{ balance(
    'smart_meters', 'raw meter_readings to versions', 'kWh',
    'loaded_readings.raw_kwh', 'loaded_readings.accepted_kwh', rejected='loaded_readings.rejected_kwh'
) }}
from loaded_readings

union all

{{ balance(
    'smart_meters', 'versions to fct_meter_readings', 'rows',
    'loaded_readings.accepted_rows', 'standing_readings.standing_rows', superseded='superseded_readings.superseded_rows'
) }}
from loaded_readings
cross join standing_readings
cross join superseded_readings

union all

{{ balance(
    'smart_meters', 'versions to fct_meter_readings', 'kWh',
    'loaded_readings.accepted_kwh', 'standing_readings.standing_kwh', superseded='superseded_readings.superseded_kwh'
) }}
from loaded_readings
cross join standing_readings
cross join superseded_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to half_hourly_consumption', 'rows',
    'standing_readings.standing_rows', 'half_hourly_readings.mapped_rows', unmapped='half_hourly_readings.unmapped_rows'
) }}
from standing_readings
cross join half_hourly_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to half_hourly_consumption', 'kWh',
    'standing_readings.standing_kwh', 'half_hourly_readings.mapped_kwh', unmapped='half_hourly_readings.unmapped_kwh'
) }}
from standing_readings
cross join half_hourly_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to daily_meterpoint_consumption', 'rows',
    'standing_readings.standing_rows', 'daily_meterpoint_readings.mapped_rows', unmapped='daily_meterpoint_readings.unmapped_rows'
) }}
from standing_readings
cross join daily_meterpoint_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to daily_meterpoint_consumption', 'kWh',
    'standing_readings.standing_kwh', 'daily_meterpoint_readings.mapped_kwh', unmapped='daily_meterpoint_readings.unmapped_kwh'
) }}
from standing_readings
cross join daily_meterpoint_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to daily_product_consumption', 'rows',
    'standing_readings.standing_rows', 'daily_product_readings.mapped_rows', unmapped='daily_product_readings.unmapped_rows'
) }}
from standing_readings
cross join daily_product_readings

union all

{{ balance(
    'smart_meters', 'fct_meter_readings to daily_product_consumption', 'kWh',
    'standing_readings.standing_kwh', 'daily_product_readings.mapped_kwh', unmapped='daily_product_readings.unmapped_kwh'
) }}
from standing_readings
cross join daily_product_readings

union all

{{ balance(
    'smart_meters', 'current agreements delivered to periods', 'rows',
    'current_agreements.delivered_rows', 'judged_agreements.matchable_rows', superseded='judged_agreements.copied_rows', rejected='judged_agreements.unmatchable_rows'
) }}
from current_agreements
cross join judged_agreements
{% for table in keys %}
union all

{{ balance(
    'smart_meters', 'current ' ~ table ~ ' delivered to ' ~ table[:-1] ~ '_history', 'rows',
    'current_deliveries.delivered_rows', 'known_' ~ table ~ '.version_rows',
    superseded='delivered_' ~ table ~ '.copied_rows', rejected='delivered_' ~ table ~ '.keyless_rows'
) }}
from current_deliveries
cross join delivered_{{ table }}
cross join known_{{ table }}
where current_deliveries.table_name = '{{ table }}'
{% endfor %}
