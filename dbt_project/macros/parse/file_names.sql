{# See _macros.yml for the promise. #}
{% macro day_in_name(address) %}
    {%- set digits = digits_in_name(address) -%}
    {{- return(parse_date("substr(" ~ digits ~ ", 1, 4) || '-' || substr(" ~ digits ~ ", 5, 2) || '-' || substr(" ~ digits ~ ", 7, 2)")) -}}
{% endmacro %}


{% macro digits_in_name(address) %}{{ return(adapter.dispatch('digits_in_name')(address)) }}{% endmacro %}

{% macro duckdb__digits_in_name(address) -%}
    nullif(regexp_extract({{ address }}, '(?:^|[^0-9])([0-9]{8})(?:[^0-9/][^/]*)?$', 1), '')
{%- endmacro %}

{% macro postgres__digits_in_name(address) -%}
    substring({{ address }} from '(?:^|[^0-9])([0-9]{8})(?:[^0-9/][^/]*)?$')
{%- endmacro %}
