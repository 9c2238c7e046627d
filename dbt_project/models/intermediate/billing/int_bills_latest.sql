{{ config(materialized='view') }}

-- Personal values end here: each is replaced by its pseudonym.

{% set personal = {
    'account_key': 'account_number',
    'customer_key': 'customer_name',
    'ssc_key': 'ssc_number',
    'customer_information_key': 'customer_information',
    'premise_key': 'service_address',
    'meter_key': 'meter_number',
} %}

with

bills as (

    select * from {{ ref('stg_winnipeg_billing__bills') }}

),

versions as (

    select * from {{ ref('int_bill_versions') }}

),

pseudonyms as (

    select * from {{ ref('int_pseudonyms') }}

),

service_types as (

    select * from {{ ref('billing_service_types') }}

),

read_codes as (

    select * from {{ ref('billing_read_codes') }}

),

latest as (

    select
        bills.*,
        {{ days_between('bills.service_from_date', 'bills.service_to_date') }} as period_days
    from bills
    inner join versions
        on bills._source_file = versions._source_file
        and bills._source_row = versions._source_row
        and bills._dlt_load_id = versions._dlt_load_id
    where versions.status = 'kept'

)

select
    latest.*,
    {%- for key, original in personal.items() %}
    {{ key }}s.pseudonym as {{ key }},
    {%- endfor %}
    coalesce(service_types.service_type, 'unmapped') as service_type,
    case
        when service_types.service_code is null then 'unknown'
        when latest.meter_number is null then service_types.unmetered_unit
        else service_types.metered_unit
    end as billing_units_unit,
    read_codes.read_type,
    read_codes.is_estimated,
    case
        when latest.period_days is null then 'undated'
        when latest.period_days < 0 then 'reversed'
        when latest.period_days = 0 then 'zero_length'
        when latest.period_days > 400 then 'over_400_days'
        else 'ok'
    end as period_quality
from latest
{%- for key, original in personal.items() %}
left join pseudonyms as {{ key }}s on latest.{{ original }} = {{ key }}s.original
{%- endfor %}
left join service_types on latest.service_code = service_types.service_code
left join read_codes on latest.read_code = read_codes.read_code
