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

raw_bills as (

    select * from {{ ref('conservation_raw_bills') }}

),

bill_versions as (

    select * from {{ ref('int_bill_versions') }}

),

staged_bills as (

    select * from {{ ref('stg_winnipeg_billing__bills') }}

),

utility_bills as (

    select * from {{ ref('fct_utility_bills') }}

),

monthly_bills as (

    select * from {{ ref('monthly_billing') }}

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

judged_agreements as (

    select
        count(*) filter (where agreement_periods.is_matchable) as matchable_rows,
        coalesce(sum(agreement_periods.delivered_rows - 1), 0) as copied_rows,
        count(*) filter (where not agreement_periods.is_matchable) as unmatchable_rows
    from agreement_periods

),

landed_bills as (

    select coalesce(sum(files.rows), 0) as landed_rows
    from files
    where files.source = 'winnipeg_billing'
        and files.table_name = 'utility_billing'

),

loaded_bills as (

    select
        coalesce(sum(raw_bills.raw_rows), 0) as raw_rows,
        coalesce(sum(raw_bills.raw_amount_due_cad), 0) as raw_cad
    from raw_bills

),

judged_bills as (

    select
        count(*) filter (where bill_versions.status = 'kept') as kept_rows,
        count(*) filter (where bill_versions.status in ('superseded', 'deleted')) as superseded_rows,
        count(*) filter (where bill_versions.status = 'rejected') as rejected_rows,
        cast(
            coalesce(sum(staged_bills.amount_due_cad) filter (where bill_versions.status = 'kept'), 0)
            as numeric(38, 6)
        ) as kept_cad,
        cast(
            coalesce(
                sum(staged_bills.amount_due_cad) filter (where bill_versions.status in ('superseded', 'deleted')), 0
            )
            as numeric(38, 6)
        ) as superseded_cad,
        cast(
            coalesce(sum(staged_bills.amount_due_cad) filter (where bill_versions.status = 'rejected'), 0)
            as numeric(38, 6)
        ) as rejected_cad
    from bill_versions
    left join staged_bills
        on bill_versions._source_row = staged_bills._source_row
        and bill_versions._source_file = staged_bills._source_file
        and bill_versions._dlt_load_id = staged_bills._dlt_load_id
    where not bill_versions.is_deletion

),

standing_bills as (

    select
        count(*) as standing_rows,
        cast(coalesce(sum(utility_bills.amount_due_cad), 0) as numeric(38, 6)) as standing_cad
    from utility_bills

),

spread_bills as (

    select
        coalesce(sum(monthly_bills.bills) filter (where monthly_bills.month is not null), 0) as dated_rows,
        coalesce(sum(monthly_bills.bills) filter (where monthly_bills.month is null), 0) as undated_rows,
        cast(
            coalesce(sum(monthly_bills.amount_due_cad) filter (where monthly_bills.month is not null), 0)
            as numeric(38, 6)
        ) as dated_cad,
        cast(
            coalesce(sum(monthly_bills.amount_due_cad) filter (where monthly_bills.month is null), 0)
            as numeric(38, 6)
        ) as undated_cad
    from monthly_bills

),

-- Every side has the same type: a union of numeric(38, 6) and numeric(38, 2) rounds to cents on DuckDB.
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

    union all

    select 'winnipeg_billing', 'landed files to raw utility_billing', 'rows',
        landed_bills.landed_rows, loaded_bills.raw_rows, 0, 0, 0
    from landed_bills
    cross join loaded_bills

    union all

    select 'winnipeg_billing', 'raw utility_billing to latest versions', 'rows',
        loaded_bills.raw_rows, judged_bills.kept_rows, judged_bills.superseded_rows, judged_bills.rejected_rows, 0
    from loaded_bills
    cross join judged_bills

    union all

    select 'winnipeg_billing', 'raw utility_billing to latest versions', 'CAD',
        loaded_bills.raw_cad, judged_bills.kept_cad, judged_bills.superseded_cad, judged_bills.rejected_cad, 0
    from loaded_bills
    cross join judged_bills

    union all

    select 'winnipeg_billing', 'latest versions to fct_utility_bills', 'rows',
        judged_bills.kept_rows, standing_bills.standing_rows, 0, 0, 0
    from judged_bills
    cross join standing_bills

    union all

    select 'winnipeg_billing', 'latest versions to fct_utility_bills', 'CAD',
        judged_bills.kept_cad, standing_bills.standing_cad, 0, 0, 0
    from judged_bills
    cross join standing_bills

    union all

    select 'winnipeg_billing', 'fct_utility_bills to monthly_billing', 'rows',
        standing_bills.standing_rows, spread_bills.dated_rows, 0, 0, spread_bills.undated_rows
    from standing_bills
    cross join spread_bills

    union all

    select 'winnipeg_billing', 'fct_utility_bills to monthly_billing', 'CAD',
        standing_bills.standing_cad, spread_bills.dated_cad, 0, 0, spread_bills.undated_cad
    from standing_bills
    cross join spread_bills

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
