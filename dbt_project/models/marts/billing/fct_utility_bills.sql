{% set charges = [
    'basic_charge_cad', 'primary_other_cad', 'supplemental_cad', 'transportation_cad', 'distribution_cad',
    'frp_refund_cad', 'city_tax_cad', 'gst_on_city_tax_cad', 'carbon_charge_cad', 'pst_cad', 'gst_cad', 'adjustment_cad',
] %}

with

bills as (

    select * from {{ ref('int_bills_latest') }}

),

totalled as (

    select
        bills.*,
        case
            when coalesce({{ charges | join(', ') }}) is not null
                then cast(
                    {% for charge in charges %}{{ '+ ' if not loop.first }}coalesce({{ charge }}, 0)
                    {% endfor %}as numeric(18, 2)
                )
        end as charges_total_cad
    from bills

)

select
    bill_id,
    hydro_gas_id,
    account_key,
    customer_key,
    ssc_key,
    customer_information_key,
    premise_key,
    meter_key,
    town,
    service_code,
    service_type,
    rate_code,
    read_code,
    read_type,
    billing_units_unit,
    period_quality,
    period_days,
    days_of_service,
    current_reading,
    billing_units,
    {%- for charge in charges %}
    {{ charge }},
    {%- endfor %}
    charges_total_cad,
    amount_due_cad,
    cast(charges_total_cad - amount_due_cad as numeric(18, 2)) as difference_cad,
    demand_billing,
    billed_kva,
    measured_demand,
    high_demand,
    contract_demand,
    multiplier,
    is_estimated,
    meter_key is not null as has_meter,
    charges_total_cad = amount_due_cad as is_balanced,
    service_from_date,
    service_to_date,
    created_at,
    updated_at,
    _source_file,
    _source_row,
    _dlt_load_id
from totalled
