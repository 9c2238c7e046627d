{% test unique_combination(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}


{# Half-open ranges of one key that overlap. Null until: open-ended. A range that ends where it begins overlaps nothing. #}
{% test mutually_exclusive_ranges(model, key, starts, until) %}
with ranges as (

    select
        {{ key }} as range_key,
        {{ starts }} as range_starts,
        {{ until }} as range_until,
        lead({{ starts }}) over (partition by {{ key }} order by {{ starts }} nulls last) as next_starts
    from {{ model }}
    where {{ until }} is null or {{ until }} > {{ starts }}

)

select *
from ranges
where next_starts is not null
    and (range_until is null or next_starts < range_until)
{% endtest %}
