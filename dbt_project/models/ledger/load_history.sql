-- One landing holds the warehouse lock at a time, so a run without an end is over as soon as a later landing began. The
-- starts of one landing, a run for each source, come in one load.

with

events as (

    select * from {{ ref('stg_landing__runs') }}

),

problems as (

    select
        run_id,
        source,
        count(*) as problems
    from {{ ref('stg_landing__problems') }}
    group by run_id, source

),

runs as (

    select
        run_id,
        source,
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

latest_start as (

    select max({{ by_bytes('started_load_id') }}) as started_load_id
    from runs

)

select
    runs.run_id,
    runs.source,
    case
        when runs.finished_at is not null then coalesce(runs.finished_status, 'ok')
        when {{ by_bytes('runs.started_load_id') }} < latest_start.started_load_id then 'abandoned'
        else 'running'
    end as status,
    runs.code,
    runs.message,
    runs.dlt_version,
    runs.git_sha,
    {{ seconds_between('runs.started_at', 'runs.finished_at') }} as duration_s,
    runs.files_landed,
    runs.files_unchanged,
    runs.files_rejected,
    runs.rows_landed,
    runs.bytes_landed,
    coalesce(problems.problems, 0) as problems,
    runs.started_at,
    runs.finished_at
from runs
cross join latest_start
left join problems
    on runs.run_id = problems.run_id
    and runs.source = problems.source
