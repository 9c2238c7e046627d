-- A bill stands whole in its last month; the shares of its earlier months then move there. So nothing is lost to rounding:
-- each earlier share is rounded to the cent, half away from zero, and the last month keeps what remains.

{% set amounts = [
    'basic_charge_cad', 'primary_other_cad', 'supplemental_cad', 'transportation_cad', 'distribution_cad',
    'frp_refund_cad', 'city_tax_cad', 'gst_on_city_tax_cad', 'carbon_charge_cad', 'pst_cad', 'gst_cad', 'adjustment_cad',
    'amount_due_cad',
] %}
{% set units = {
    'kWh': 'billing_units_kwh',
    'm3': 'billing_units_m3',
    'fixtures': 'billing_units_fixtures',
    'unknown': 'billing_units_unknown',
} %}

with

bills as (

    select
        bill_id,
        town,
        service_type,
        case when period_quality in ('ok', 'zero_length') then 'dated' else period_quality end as period_bucket,
        period_days,
        {%- for unit, column in units.items() %}
        case when billing_units_unit = '{{ unit }}' then billing_units end as {{ column }},
        {%- endfor %}
        {%- for amount in amounts %}
        {{ amount }},
        {%- endfor %}
        is_estimated,
        service_from_date,
        case
            when period_quality = 'ok' then {{ month_of('service_from_date') }}
        end as first_month,
        case
            when period_quality = 'ok' then {{ month_of(add_days('service_to_date', -1)) }}
            when period_quality = 'zero_length' then {{ month_of('service_from_date') }}
        end as last_month
    from {{ ref('fct_utility_bills') }}

),

-- At most 400 days: no bill has more than 14 months, of which 13 come before the last.
month_numbers as (

    {% for number in range(13) %}select {{ number }} as month_number{{ ' union all' if not loop.last }}
    {% endfor %}

),

earlier_months as (

    select
        bills.*,
        cast(cast(bills.first_month as timestamp) + month_numbers.month_number * interval '1 month' as date) as month
    from bills
    inner join month_numbers
        on cast(bills.first_month as timestamp) + month_numbers.month_number * interval '1 month'
        < cast(bills.last_month as timestamp)
    where bills.first_month < bills.last_month

),

earlier_days as (

    select
        earlier_months.*,
        {{ days_between('greatest(month, service_from_date)', month_after('month')) }} as days
    from earlier_months

),

earlier_shares as (

    select
        period_bucket,
        town,
        service_type,
        {%- for column in units.values() %}
        {{ share(column, 'days', 'period_days', 18, 6) }} as {{ column }},
        {%- endfor %}
        {%- for amount in amounts %}
        {{ share(amount, 'days', 'period_days', 18, 2) }} as {{ amount }},
        {%- endfor %}
        month,
        last_month
    from earlier_days

),

entries as (

    select
        period_bucket,
        last_month as month,
        town,
        service_type,
        1 as bills,
        1 as bill_shares,
        case when is_estimated then 1 else 0 end as estimated_bills,
        case when is_estimated is null then 1 else 0 end as unread_bills,
        {%- for column in units.values() | list + amounts %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from bills
    union all
    select
        period_bucket,
        month,
        town,
        service_type,
        0 as bills,
        1 as bill_shares,
        0 as estimated_bills,
        0 as unread_bills,
        {%- for column in units.values() | list + amounts %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from earlier_shares
    union all
    select
        period_bucket,
        last_month as month,
        town,
        service_type,
        0 as bills,
        0 as bill_shares,
        0 as estimated_bills,
        0 as unread_bills,
        {%- for column in units.values() | list + amounts %}
        -{{ column }} as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from earlier_shares

)

select
    period_bucket,
    town,
    service_type,
    cast(sum(bills) as bigint) as bills,
    cast(sum(bill_shares) as bigint) as bill_shares,
    cast(sum(estimated_bills) as bigint) as estimated_bills,
    cast(sum(unread_bills) as bigint) as unread_bills,
    {%- for column in units.values() %}
    cast(sum({{ column }}) as numeric(18, 6)) as {{ column }},
    {%- endfor %}
    {%- for amount in amounts %}
    cast(sum({{ amount }}) as numeric(18, 2)) as {{ amount }},
    {%- endfor %}
    month
from entries
group by period_bucket, month, town, service_type
