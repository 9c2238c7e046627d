-- A posting is one landed answer that has a line to use; the same content again, straight after itself, is no new posting.
-- Postings of a cycle follow the clock of the download, not the order in which they were landed. A gas day lasts from 09:00
-- to 09:00 in Central time, so two of them a year have 23 and 25 hours.

{% set zone = 'America/Chicago' %}

with

lines as (

    select * from {{ ref('int_capacity_lines') }}
    where status = 'kept'

),

cycles as (

    select * from {{ ref('nomination_cycles') }}

),

answers as (

    select
        lines.asset,
        lines.cycle_id,
        max(lines.file_name) as file_name,
        max(lines.search_type) as search_type,
        count(*) as line_count,
        lines.gas_day,
        max(lines.downloaded_at) as downloaded_at,
        lines._source_file,
        lines._dlt_load_id
    from lines
    group by
        lines.asset,
        lines.cycle_id,
        lines.gas_day,
        lines._source_file,
        lines._dlt_load_id

),

followed as (

    select
        answers.*,
        coalesce(
            answers._source_file = lag(answers._source_file) over (
                partition by answers.asset, answers.gas_day, answers.cycle_id
                order by
                    answers.downloaded_at asc nulls first,
                    {{ by_bytes('answers._dlt_load_id') }} asc nulls last,
                    {{ by_bytes('answers._source_file') }} asc nulls last
            ),
            false
        ) as is_repeat
    from answers

),

numbered as (

    select
        followed.*,
        coalesce(cycles.cycle_name, 'unmapped') as cycle_name,
        coalesce(cycles.cycle_order, 0) as cycle_order,
        row_number() over (
            partition by followed.asset, followed.gas_day, followed.cycle_id, followed.is_repeat
            order by
                followed.downloaded_at asc nulls first,
                {{ by_bytes('followed._dlt_load_id') }} asc nulls last,
                {{ by_bytes('followed._source_file') }} asc nulls last
        ) as posting_number
    from followed
    left join cycles on followed.cycle_id = cycles.cycle_id

),

steps as (

    select
        numbered.*,
        row_number() over (
            partition by numbered.asset, numbered.gas_day, numbered.is_repeat
            order by
                numbered.cycle_order asc nulls last,
                {{ by_bytes('numbered.cycle_id') }} asc nulls last,
                numbered.posting_number asc nulls last
        ) as step_number,
        count(*) over (partition by numbered.asset, numbered.gas_day, numbered.is_repeat) as step_count,
        max(numbered.posting_number) over (
            partition by numbered.asset, numbered.gas_day, numbered.cycle_id, numbered.is_repeat
        ) as last_posting_number
    from numbered

)

select
    steps.asset,
    steps.cycle_id,
    steps.cycle_name,
    steps.file_name,
    steps.search_type,
    steps.cycle_order,
    case when not steps.is_repeat then steps.posting_number end as posting_number,
    case when not steps.is_repeat then steps.step_number end as step_number,
    steps.line_count,
    steps.is_repeat,
    not steps.is_repeat and steps.posting_number = steps.last_posting_number as is_latest,
    not steps.is_repeat and steps.step_number = steps.step_count as is_best_available,
    steps.gas_day,
    {{ local_to_utc(dbt.dateadd('hour', 9, 'cast(steps.gas_day as timestamp)'), zone) }} as starts_at,
    {{ local_to_utc(dbt.dateadd('hour', 33, 'cast(steps.gas_day as timestamp)'), zone) }} as ends_at,
    steps.downloaded_at,
    steps._source_file,
    steps._dlt_load_id
from steps
