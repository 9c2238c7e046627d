-- Readings without an agreement stay in every total, under 'unmapped'. Where there are agreements and yet many readings
-- have none, the agreements are not those of these meters. Days are counted: they are few.
with

days as (

    select
        coalesce(sum(reading_count), 0) as reading_count,
        coalesce(sum(reading_count) filter (where not has_agreement), 0) as unmapped_count
    from {{ ref('daily_meterpoint_consumption') }}

),

agreements as (

    select count(*) as agreement_count
    from {{ ref('int_agreement_periods') }}
    where is_matchable

)

select
    days.reading_count,
    days.unmapped_count
from days
cross join agreements
where agreements.agreement_count > 0
    and days.unmapped_count > {{ var('unmapped_readings_spared') }}
    and days.unmapped_count > days.reading_count * {{ var('unmapped_share_at_most') }}
