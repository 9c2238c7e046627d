-- Later means a later load; within a load a listing that lacks the line was read after its rows, then the publisher's own
-- stamp counts, then the place in the delivery. A line that was deleted may come back: it is then simply the newest again.

with

bills as (

    select * from {{ ref('stg_winnipeg_billing__bills') }}

),

deletions as (

    select * from {{ ref('stg_winnipeg_billing__deletions') }}

),

events as (

    select
        bill_id,
        false as is_deletion,
        updated_at,
        _source_file,
        _source_row,
        _dlt_load_id
    from bills
    union all
    select
        bill_id,
        true as is_deletion,
        cast(null as timestamp) as updated_at,
        _source_file,
        _source_row,
        _dlt_load_id
    from deletions

),

ordered as (

    select
        bill_id,
        is_deletion,
        updated_at,
        _source_file,
        _source_row,
        _dlt_load_id,
        lead(is_deletion) over (
            partition by bill_id
            order by
                {{ by_bytes('_dlt_load_id') }} asc nulls last,
                is_deletion asc nulls last,
                updated_at asc nulls first,
                {{ by_bytes('_source_file') }} asc nulls last,
                _source_row asc nulls last
        ) as is_ended_by_deletion
    from events

)

select
    bill_id,
    case
        when is_deletion then 'deletion'
        when bill_id is null then 'rejected'
        when is_ended_by_deletion is null then 'kept'
        when is_ended_by_deletion then 'deleted'
        else 'superseded'
    end as status,
    is_deletion,
    updated_at,
    _source_file,
    _source_row,
    _dlt_load_id
from ordered
