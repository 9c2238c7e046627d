-- What becomes of utility bills after raw. Each amount is counted where it stands: none is the rest of another.

with

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

)

{{ balance(
    'winnipeg_billing', 'raw utility_billing to latest versions', 'rows',
    'loaded_bills.raw_rows', 'judged_bills.kept_rows', superseded='judged_bills.superseded_rows', rejected='judged_bills.rejected_rows'
) }}
from loaded_bills
cross join judged_bills

union all

{{ balance(
    'winnipeg_billing', 'raw utility_billing to latest versions', 'CAD',
    'loaded_bills.raw_cad', 'judged_bills.kept_cad', superseded='judged_bills.superseded_cad', rejected='judged_bills.rejected_cad'
) }}
from loaded_bills
cross join judged_bills

union all

{{ balance(
    'winnipeg_billing', 'latest versions to fct_utility_bills', 'rows',
    'judged_bills.kept_rows', 'standing_bills.standing_rows'
) }}
from judged_bills
cross join standing_bills

union all

{{ balance(
    'winnipeg_billing', 'latest versions to fct_utility_bills', 'CAD',
    'judged_bills.kept_cad', 'standing_bills.standing_cad'
) }}
from judged_bills
cross join standing_bills

union all

{{ balance(
    'winnipeg_billing', 'fct_utility_bills to monthly_billing', 'rows',
    'standing_bills.standing_rows', 'spread_bills.dated_rows', unmapped='spread_bills.undated_rows'
) }}
from standing_bills
cross join spread_bills

union all

{{ balance(
    'winnipeg_billing', 'fct_utility_bills to monthly_billing', 'CAD',
    'standing_bills.standing_cad', 'spread_bills.dated_cad', unmapped='spread_bills.undated_cad'
) }}
from standing_bills
cross join spread_bills
