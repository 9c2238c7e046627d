-- The same thresholds and words as `python -m publishing freshness`, as of this build: readers of the published copy see
-- how old what they read may be. Tables and thresholds come from the YAML of the sources.

with

expected as (

    {{ expected_tables() }}

),

files as (

    select * from {{ ref('stg_landing__files') }}

),

runs as (

    select * from {{ ref('stg_landing__runs') }}

),

landed as (

    select
        files.source,
        files.table_name,
        max(files.landed_at) as last_landed_at
    from files
    group by
        files.source,
        files.table_name

),

used_sources as (

    select distinct runs.source
    from runs

),

aged as (

    select
        expected.source,
        expected.table_name,
        expected.late_after_s,
        expected.stale_after_s,
        expected.is_optional,
        used_sources.source is not null as is_used,
        {{ seconds_between('landed.last_landed_at', known_at()) }} as age_s,
        landed.last_landed_at,
        {{ known_at() }} as judged_at
    from expected
    left join landed
        on expected.source = landed.source
        and expected.table_name = landed.table_name
    left join used_sources on expected.source = used_sources.source

)

select
    {{ as_text('aged.source') }} as source,
    {{ as_text('aged.table_name') }} as table_name,
    case
        when aged.last_landed_at is null and (aged.is_optional or not aged.is_used) then 'not in use'
        when aged.last_landed_at is null then 'never landed'
        when aged.age_s > aged.stale_after_s then 'stale'
        when aged.age_s > aged.late_after_s then 'late'
        else 'fresh'
    end as status,
    aged.age_s,
    aged.late_after_s,
    aged.stale_after_s,
    aged.last_landed_at,
    aged.judged_at
from aged
