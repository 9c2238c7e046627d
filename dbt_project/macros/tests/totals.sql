{# Each measure sums to the same here and there: exactly, nulls counting as nothing. #}
{% test equal_totals(model, compare_to, measures, compare_measures=none, condition=none) %}
with here as (

    select
    {%- for measure in measures %}
        coalesce(sum({{ measure }}), 0) as total_{{ loop.index }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ model }}

),

there as (

    select
    {%- for measure in compare_measures or measures %}
        coalesce(sum({{ measure }}), 0) as total_{{ loop.index }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ compare_to }}
    {% if condition %}where {{ condition }}{% endif %}

)

select
{%- for measure in measures %}
    here.total_{{ loop.index }} as here_{{ loop.index }},
    there.total_{{ loop.index }} as there_{{ loop.index }}{{ ',' if not loop.last }}
{%- endfor %}
from here
cross join there
where false
{%- for measure in measures %}
    or here.total_{{ loop.index }} <> there.total_{{ loop.index }}
{%- endfor %}
{% endtest %}


{# Rows with something that could not be parsed: at most this share of all rows, or this many where the table is small. #}
{% test parse_loss_at_most(model, share, spare_rows=0, condition=none) %}
with counted as (

    select
        count(*) as row_count,
        count(_parse_failures) as failed_rows
    from {{ model }}
    {% if condition %}where {{ condition }}{% endif %}

)

select *
from counted
where failed_rows > {{ spare_rows }}
    and failed_rows > row_count * {{ share }}
{% endtest %}
