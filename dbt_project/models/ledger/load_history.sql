-- Runs of every kind. A run without an end is over as soon as a later one of its kind began. Landings (a backfill is many of
-- them) hold one lock: the starts of one landing, a run for each source, come in one load. Of operations, one that was
-- turned away because another is busy shows nothing of that other. What is known as of known_at, of every kind.

with

events as (

    select * from {{ ref('stg_landing__runs') }}

),

landing_problems as (

    select * from {{ ref('stg_landing__problems') }}

),

builds as (

    select
        *,
        {{ ended_at() }} as ended_at
    from {{ recorded('build_runs') }}
    where started_at <= {{ known_at() }}

),

operations as (

    select
        *,
        {{ ended_at() }} as ended_at
    from {{ recorded('operation_runs') }}
    where started_at <= {{ known_at() }}

),

problems as (

    select
        run_id,
        source,
        count(*) as problems
    from landing_problems
    group by run_id, source

),

landings as (

    select
        run_id,
        source,
        case when max(asked) is null then 'landing' else 'backfill' end as kind,
        min(case when event = 'started' then occurred_at end) as started_at,
        max(case when event = 'finished' then occurred_at end) as finished_at,
        max(case when event = 'finished' then status end) as finished_status,
        max(case when event = 'finished' then code end) as code,
        max(case when event = 'finished' then message end) as message,
        max(case when event = 'finished' then files_landed end) as files_landed,
        max(case when event = 'finished' then files_unchanged end) as files_unchanged,
        max(case when event = 'finished' then files_rejected end) as files_rejected,
        max(case when event = 'finished' then rows_landed end) as rows_landed,
        max(case when event = 'finished' then bytes_landed end) as bytes_landed,
        max(case when event = 'started' then {{ by_bytes('_dlt_load_id') }} end) as started_load_id,
        max(dlt_version) as dlt_version,
        max(git_sha) as git_sha
    from events
    group by run_id, source

),

latest_landing as (

    select max({{ by_bytes('started_load_id') }}) as started_load_id
    from landings

),

latest_build as (

    select max(started_at) as started_at
    from builds

),

latest_operations as (

    select
        kind,
        max(started_at) as started_at
    from operations
    where ended_at is null or status <> 'busy'
    group by kind

),

landing_rows as (

    select
        landings.run_id,
        landings.kind,
        landings.source,
        landings.source as subject,
        case
            when landings.finished_at is not null then coalesce(landings.finished_status, 'ok')
            when {{ by_bytes('landings.started_load_id') }} < latest_landing.started_load_id then 'abandoned'
            else 'running'
        end as status,
        landings.code,
        landings.message,
        landings.dlt_version,
        cast(null as {{ dbt.type_string() }}) as dbt_version,
        landings.git_sha,
        landings.files_landed,
        landings.files_unchanged,
        landings.files_rejected,
        landings.rows_landed,
        landings.bytes_landed,
        coalesce(problems.problems, 0) as problems,
        cast(null as bigint) as models_failed,
        cast(null as bigint) as tests_failed,
        cast(null as bigint) as late_tables,
        cast(null as bigint) as stale_tables,
        cast(null as bigint) as row_count,
        landings.started_at,
        landings.finished_at
    from landings
    cross join latest_landing
    left join problems
        on landings.run_id = problems.run_id
        and landings.source = problems.source

),

build_rows as (

    select
        builds.invocation_id as run_id,
        'build' as kind,
        cast(null as {{ dbt.type_string() }}) as source,
        builds.command || ': ' || coalesce(builds.selection, 'unknown') as subject,
        case
            when builds.ended_at is not null and builds.failures > 0 then 'failed'
            when builds.ended_at is not null then 'ok'
            when builds.started_at < latest_build.started_at then 'abandoned'
            else 'running'
        end as status,
        case when builds.ended_at is not null and builds.failures > 0 then 'BUILD_FAILED' end as code,
        case
            when builds.ended_at is not null and builds.failures > 0
                then
                    cast(builds.failures as {{ dbt.type_string() }})
                    || ' models or tests failed or were skipped; see logs/dbt.log'
        end as message,
        cast(null as {{ dbt.type_string() }}) as dlt_version,
        builds.dbt_version,
        builds.git_sha,
        cast(null as bigint) as files_landed,
        cast(null as bigint) as files_unchanged,
        cast(null as bigint) as files_rejected,
        cast(null as bigint) as rows_landed,
        cast(null as bigint) as bytes_landed,
        cast(null as bigint) as problems,
        case when builds.ended_at is not null then builds.failures - builds.failed_tests end as models_failed,
        case when builds.ended_at is not null then builds.failed_tests end as tests_failed,
        cast(null as bigint) as late_tables,
        cast(null as bigint) as stale_tables,
        cast(null as bigint) as row_count,
        builds.started_at,
        builds.ended_at as finished_at
    from builds
    cross join latest_build

),

operation_rows as (

    select
        operations.run_id,
        operations.kind,
        cast(null as {{ dbt.type_string() }}) as source,
        operations.subject,
        case
            when operations.ended_at is not null then operations.status
            when operations.started_at < latest_operations.started_at then 'abandoned'
            else 'running'
        end as status,
        case when operations.ended_at is not null then operations.code end as code,
        case when operations.ended_at is not null then operations.message end as message,
        cast(null as {{ dbt.type_string() }}) as dlt_version,
        operations.dbt_version,
        operations.git_sha,
        cast(null as bigint) as files_landed,
        cast(null as bigint) as files_unchanged,
        cast(null as bigint) as files_rejected,
        cast(null as bigint) as rows_landed,
        cast(null as bigint) as bytes_landed,
        cast(null as bigint) as problems,
        cast(null as bigint) as models_failed,
        cast(null as bigint) as tests_failed,
        case when operations.ended_at is not null then operations.late_tables end as late_tables,
        case when operations.ended_at is not null then operations.stale_tables end as stale_tables,
        case when operations.ended_at is not null then operations.row_count end as row_count,
        operations.started_at,
        operations.ended_at as finished_at
    from operations
    left join latest_operations on operations.kind = latest_operations.kind

),

runs as (

    select * from landing_rows
    union all
    select * from build_rows
    union all
    select * from operation_rows

)

select
    {{ as_text('runs.run_id') }} as run_id,
    {{ as_text('runs.kind') }} as kind,
    {{ as_text('runs.source') }} as source,
    {{ as_text('runs.subject') }} as subject,
    {{ as_text('runs.status') }} as status,
    {{ as_text('runs.code') }} as code,
    {{ as_text('runs.message') }} as message,
    {{ as_text('runs.dlt_version') }} as dlt_version,
    {{ as_text('runs.dbt_version') }} as dbt_version,
    {{ as_text('runs.git_sha') }} as git_sha,
    {{ seconds_between('runs.started_at', 'runs.finished_at') }} as duration_s,
    runs.files_landed,
    runs.files_unchanged,
    runs.files_rejected,
    runs.rows_landed,
    runs.bytes_landed,
    runs.problems,
    runs.models_failed,
    runs.tests_failed,
    runs.late_tables,
    runs.stale_tables,
    case when runs.kind = 'publication' then runs.row_count end as rows_published,
    case when runs.kind = 'backup' then runs.row_count end as rows_backed_up,
    case when runs.kind = 'restore' then runs.row_count end as rows_restored,
    case when runs.kind = 'drill' then runs.row_count end as rows_compared,
    runs.started_at,
    runs.finished_at
from runs
