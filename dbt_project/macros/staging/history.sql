{#
    Which of several deliveries came first, for `order by`: the load decides, within one load when the file was put where it
    was found, then its address.
#}
{% macro delivery_order(deliveries) -%}
    {{ deliveries }}._dlt_load_id nulls last,
    {{ deliveries }}.delivered_at nulls first,
    {{ by_bytes(deliveries ~ '.uri') }} nulls first,
    {{ by_bytes(deliveries ~ '._source_file') }} nulls last
{%- endmacro %}


{#
    Type 2 history from full snapshots in raw: CTEs, of which the last is `versions`. See _macros.yml for the promise.

    Built whole each time: snapshots are small beside facts, and a pseudonym may be another one tomorrow, which would look
    like a change to a table that remembers yesterday's.
#}
{% macro history(snapshots, deliveries, key, attributes, wins='_source_row desc nulls last') -%}
{%- set keys = [key] if key is string else key -%}
{%- set by_key = keys | join(', ') -%}
{%- set listed = keys + attributes -%}
{%- set texts = [] -%}
{%- for name in attributes -%}{%- do texts.append('coalesce(' ~ as_text(name) ~ ', chr(30))') -%}{%- endfor -%}
numbered_deliveries as (

    select
        {{ deliveries }}._source_file,
        {{ deliveries }}._dlt_load_id,
        -- A clock that was set back makes no range end before it starts.
        max({{ deliveries }}.landed_at) over (
            order by {{ delivery_order(deliveries) | indent(12) }}
            rows between unbounded preceding and current row
        ) as landed_at,
        row_number() over (
            order by {{ delivery_order(deliveries) | indent(12) }}
        ) as delivery_number
    from {{ deliveries }}

),

delivered as (

    select
    {%- for name in listed %}
        {{ snapshots }}.{{ name }},
    {%- endfor %}
        numbered_deliveries.delivery_number,
        {{ snapshots }}._source_row,
        count(*) over (
            partition by numbered_deliveries.delivery_number{% for name in keys %}, {{ snapshots }}.{{ name }}{% endfor %}
        ) as delivered_rows,
        row_number() over (
            partition by numbered_deliveries.delivery_number{% for name in keys %}, {{ snapshots }}.{{ name }}{% endfor %}
            order by {{ wins }}
        ) as delivered_rank
    from {{ snapshots }}
    inner join numbered_deliveries
        on {{ snapshots }}._source_file = numbered_deliveries._source_file
        and {{ snapshots }}._dlt_load_id = numbered_deliveries._dlt_load_id
    where {% for name in keys %}{{ snapshots }}.{{ name }} is not null{{ ' and ' if not loop.last }}{% endfor %}

),

digested as (

    select
        delivered.*,
        {{ md5_text(texts | join(' || chr(31) || ')) }} as content
    from delivered
    where delivered.delivered_rank = 1

),

presences as (

    select
        digested.*,
        lag(digested.delivery_number) over in_order as previous_number,
        lag(digested.content) over in_order as previous_content,
        lead(digested.delivery_number) over in_order as next_number
    from digested
    window in_order as (partition by {{ by_key }} order by digested.delivery_number nulls last)

),

events as (

    select
        {{ listed | join(',\n        ') }},
        case
            when previous_number is null then 'added'
            when previous_number <> delivery_number - 1 then 'returned'
            else 'changed'
        end as change,
        delivered_rows,
        true as is_delivered,
        _source_row,
        delivery_number
    from presences
    where previous_number is distinct from delivery_number - 1
        or previous_content <> content

    union all

    -- Of what the last delivery holds the next number is that of no delivery: the join below drops it.
    select
        {{ listed | join(',\n        ') }},
        'removed' as change,
        cast(0 as bigint) as delivered_rows,
        false as is_delivered,
        cast(null as bigint) as _source_row,
        delivery_number + 1 as delivery_number
    from presences
    where next_number is distinct from delivery_number + 1

),

versions as (

    select
        events.*,
        row_number() over in_order as version_number,
        lead(numbered_deliveries.landed_at) over in_order as valid_until,
        lead(events.delivery_number) over in_order is null as is_current,
        numbered_deliveries.landed_at as valid_from,
        numbered_deliveries._source_file,
        numbered_deliveries._dlt_load_id
    from events
    inner join numbered_deliveries on events.delivery_number = numbered_deliveries.delivery_number
    window in_order as (partition by {{ by_key }} order by events.delivery_number nulls last)

)
{%- endmacro %}
