-- Each amount is counted where it stands, none is the rest of another: `unexplained` is what the count of the one side
-- does not find on the other. The tables of the history are read by one column or two, raw only where a load was added.

with

files as (

    select * from {{ ref('stg_landing__files') }}

),

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

landed_readings as (

    select coalesce(sum(files.rows), 0) as landed_rows
    from files
    where files.source = 'smart_meters'
        and files.table_name = 'meter_readings'

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
        coalesce(sum(daily_meterpoints.consumption_kwh) filter (where daily_meterpoints.has_agreement), 0) as mapped_kwh,
        coalesce(sum(daily_meterpoints.consumption_kwh) filter (where not daily_meterpoints.has_agreement), 0)
            as unmapped_kwh
    from daily_meterpoints

),

daily_product_readings as (

    select
        coalesce(sum(daily_products.reading_count) filter (where daily_products.product_display_name <> 'unmapped'), 0)
            as mapped_rows,
        coalesce(sum(daily_products.reading_count) filter (where daily_products.product_display_name = 'unmapped'), 0)
            as unmapped_rows,
        coalesce(sum(daily_products.consumption_kwh) filter (where daily_products.product_display_name <> 'unmapped'), 0)
            as mapped_kwh,
        coalesce(sum(daily_products.consumption_kwh) filter (where daily_products.product_display_name = 'unmapped'), 0)
            as unmapped_kwh
    from daily_products

),

current_agreements as (

    select coalesce(sum(agreement_deliveries.delivered_rows), 0) as delivered_rows
    from agreement_deliveries
    where agreement_deliveries.table_name = 'agreements'
        and agreement_deliveries.is_current

),

judged_agreements as (

    select
        count(*) filter (where agreement_periods.is_matchable) as matchable_rows,
        coalesce(sum(agreement_periods.delivered_rows - 1), 0) as copied_rows,
        count(*) filter (where not agreement_periods.is_matchable) as unmatchable_rows
    from agreement_periods

),

amounts as (

    select
        'smart_meters' as source,
        'landed files to raw meter_readings' as hop,
        'rows' as measure,
        landed_readings.landed_rows as amount_in,
        loaded_readings.raw_rows as kept,
        0 as superseded,
        0 as rejected,
        0 as unmapped
    from landed_readings
    cross join loaded_readings

    union all

    select 'smart_meters', 'raw meter_readings to versions', 'rows',
        loaded_readings.raw_rows, loaded_readings.accepted_rows, 0, loaded_readings.rejected_rows, 0
    from loaded_readings

    union all

    select 'smart_meters', 'raw meter_readings to versions', 'kWh',
        loaded_readings.raw_kwh, loaded_readings.accepted_kwh, 0, loaded_readings.rejected_kwh, 0
    from loaded_readings

    union all

    select 'smart_meters', 'versions to fct_meter_readings', 'rows',
        loaded_readings.accepted_rows, standing_readings.standing_rows, superseded_readings.superseded_rows, 0, 0
    from loaded_readings
    cross join standing_readings
    cross join superseded_readings

    union all

    select 'smart_meters', 'versions to fct_meter_readings', 'kWh',
        loaded_readings.accepted_kwh, standing_readings.standing_kwh, superseded_readings.superseded_kwh, 0, 0
    from loaded_readings
    cross join standing_readings
    cross join superseded_readings
{% for mart, totals in {
    'half_hourly_consumption': 'half_hourly_readings',
    'daily_meterpoint_consumption': 'daily_meterpoint_readings',
    'daily_product_consumption': 'daily_product_readings',
}.items() %}
    union all

    select 'smart_meters', 'fct_meter_readings to {{ mart }}', 'rows',
        standing_readings.standing_rows, {{ totals }}.mapped_rows, 0, 0, {{ totals }}.unmapped_rows
    from standing_readings
    cross join {{ totals }}

    union all

    select 'smart_meters', 'fct_meter_readings to {{ mart }}', 'kWh',
        standing_readings.standing_kwh, {{ totals }}.mapped_kwh, 0, 0, {{ totals }}.unmapped_kwh
    from standing_readings
    cross join {{ totals }}
{% endfor %}
    union all

    select 'smart_meters', 'current agreements delivered to periods', 'rows',
        current_agreements.delivered_rows, judged_agreements.matchable_rows, judged_agreements.copied_rows,
        judged_agreements.unmatchable_rows, 0
    from current_agreements
    cross join judged_agreements

)

select
    amounts.source,
    amounts.hop,
    amounts.measure,
    cast(amounts.amount_in as numeric(38, 6)) as amount_in,
    cast(amounts.kept as numeric(38, 6)) as kept,
    cast(amounts.superseded as numeric(38, 6)) as superseded,
    cast(amounts.rejected as numeric(38, 6)) as rejected,
    cast(amounts.unmapped as numeric(38, 6)) as unmapped,
    cast(
        amounts.amount_in - amounts.kept - amounts.superseded - amounts.rejected - amounts.unmapped as numeric(38, 6)
    ) as unexplained
from amounts
