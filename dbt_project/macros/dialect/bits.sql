{# How many bits of a non-negative whole number are set. #}
{% macro bit_count(number) %}{{ return(adapter.dispatch('bit_count')(number)) }}{% endmacro %}

{% macro duckdb__bit_count(number) -%}
    cast(bit_count({{ number }}) as bigint)
{%- endmacro %}

{% macro postgres__bit_count(number) -%}
    bit_count(cast({{ number }} as bit(64)))
{%- endmacro %}
