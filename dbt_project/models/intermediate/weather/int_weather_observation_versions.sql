-- Answers about the same place and instant are versions of one observation. The later load stands; within a load the later
-- day of asking, then the place in the delivery.

with

observations as (

    select * from {{ ref('stg_openweather__observations') }}

),

judged as (

    select
        observations.place,
        case
            when observations.place is null then 'no_place'
            when observations.observed_at is null then 'no_instant'
        end as rejected_reason,
        observations.logical_date,
        observations.observed_at,
        observations._source_file,
        observations._source_row,
        observations._dlt_load_id
    from observations

),

ranked as (

    select
        judged.*,
        row_number() over (
            partition by judged.place, judged.observed_at
            order by
                {{ by_bytes('judged._dlt_load_id') }} desc nulls last,
                judged.logical_date desc nulls last,
                {{ by_bytes('judged._source_file') }} desc nulls last,
                judged._source_row desc nulls last
        ) as versions_ago
    from judged

)

select
    ranked.place,
    case
        when ranked.rejected_reason is not null then 'rejected'
        when ranked.versions_ago = 1 then 'kept'
        else 'superseded'
    end as status,
    ranked.rejected_reason,
    ranked.observed_at,
    ranked._source_file,
    ranked._source_row,
    ranked._dlt_load_id
from ranked
