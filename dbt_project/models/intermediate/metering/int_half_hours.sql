{{ config(indexes=row_indexes(['starts_at'], ['interval_index'], ['local_date'])) }}

-- The calendar is computed once per half-hour of a zone, not once per reading. It begins and ends with whole local days.

{% set zone = var('smart_meters_local_timezone') %}

with

instants as (

    {{ instants(
        "cast('" ~ var('calendar_from') ~ "' as timestamp) - interval '1' day",
        "cast('" ~ var('calendar_until') ~ "' as timestamp) + interval '1' day",
        '30 minutes'
    ) }}

),

located as (

    select
        instants.instant as starts_at,
        {{ utc_to_local('instants.instant', zone) }} as starts_at_local,
        {{ local_date('instants.instant', zone) }} as local_date
    from instants

)

select
    row_number() over (order by located.starts_at nulls last) as interval_index,
    cast(
        row_number() over (partition by located.local_date order by located.starts_at nulls last) as integer
    ) as interval_number,
    count(*) over (partition by located.local_date) as intervals_in_day,
    located.local_date,
    located.starts_at,
    {{ dbt.dateadd('minute', 30, 'located.starts_at') }} as ends_at,
    located.starts_at_local
from located
where located.local_date >= cast('{{ var("calendar_from") }}' as date)
    and located.local_date < cast('{{ var("calendar_until") }}' as date)
