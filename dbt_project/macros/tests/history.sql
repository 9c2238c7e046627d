{#
    Versions of one key lie edge to edge, and their story makes sense: the first was added, each ends where the next starts,
    only the last is current and open, nothing is removed twice and nothing returns that was there.
#}
{% test unbroken_history(model, key) %}
with versions as (

    select
        {{ key }} as history_key,
        change,
        version_number,
        is_current,
        is_delivered,
        valid_from,
        valid_until,
        lag(version_number) over in_order as previous_number,
        lag(is_delivered) over in_order as was_delivered,
        lead(valid_from) over in_order as next_from
    from {{ model }}
    window in_order as (partition by {{ key }} order by version_number nulls last)

)

select *
from versions
where history_key is null
    or valid_from is null
    or version_number <> coalesce(previous_number, 0) + 1
    or valid_until < valid_from
    or valid_until is distinct from next_from
    or is_current <> (valid_until is null)
    or is_delivered <> (change <> 'removed')
    or change is null
    or (change = 'added') <> (previous_number is null)
    or (change in ('changed', 'removed')) <> coalesce(was_delivered, false)
    or (change = 'returned') <> coalesce(not was_delivered, false)
{% endtest %}
