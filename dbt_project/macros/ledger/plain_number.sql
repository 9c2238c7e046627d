{# See _conservation__macros.yml for the promise. #}
{% macro plain_number(text, scale) %}
    {%- set white_space = 'chr(9) || chr(10) || chr(11) || chr(12) || chr(13)' -%}
    {%- set number = "trim(translate(" ~ text ~ ", " ~ white_space ~ ", '     '))" -%}
    case
        when {{ number }} similar to '[-+]?([0-9]{1,30}[.]?[0-9]*|[.][0-9]+)'
            then cast({{ number }} as numeric(38, {{ scale }}))
        when {{ number }} similar to '[-+]?[0-9]{1,3}(,[0-9]{3}){1,9}([.][0-9]+)?'
            then cast(replace({{ number }}, ',', '') as numeric(38, {{ scale }}))
        when {{ number }} similar to '[-+]?[0-9]([.][0-9]{0,16})?[eE]([-]0?[0-9]|[+]?(0?[0-9]|1[0-2]))'
            then cast(cast({{ number }} as double precision) as numeric(38, {{ scale }}))
    end
{%- endmacro %}
