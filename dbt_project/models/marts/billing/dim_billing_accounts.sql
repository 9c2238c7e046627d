with

bills as (

    select * from {{ ref('fct_utility_bills') }}
    where account_key is not null

),

newest_first as (

    select
        account_key,
        customer_key,
        town,
        row_number() over (
            partition by account_key
            order by
                service_to_date desc nulls last,
                hydro_gas_id desc nulls last,
                {{ by_bytes('bill_id') }} desc nulls last
        ) as bills_ago
    from bills

),

summed as (

    select
        account_key,
        count(*) as bills,
        count(distinct premise_key) as premises,
        count(distinct meter_key) as meters,
        sum(amount_due_cad) as amount_due_cad,
        count(case when service_type = 'electricity' then 1 end) > 0 as has_electricity,
        count(case when service_type = 'gas' then 1 end) > 0 as has_gas,
        min(service_from_date) as first_service_date,
        max(service_to_date) as last_service_date
    from bills
    group by account_key

)

select
    summed.account_key,
    newest_first.customer_key,
    newest_first.town,
    summed.bills,
    summed.premises,
    summed.meters,
    cast(summed.amount_due_cad as numeric(18, 2)) as amount_due_cad,
    summed.has_electricity,
    summed.has_gas,
    summed.first_service_date,
    summed.last_service_date
from summed
inner join newest_first
    on summed.account_key = newest_first.account_key
    and newest_first.bills_ago = 1
