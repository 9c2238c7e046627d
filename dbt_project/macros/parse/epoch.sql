{# Years 0001 to 9999, as everywhere: a count of milliseconds lies beyond them and is no instant. #}
{% macro parse_epoch(text) %}
    {{- return(adapter.dispatch('parse_epoch')(text)) -}}
{% endmacro %}

{% macro duckdb__parse_epoch(text) -%}
    case
        when {{ parse_integer(text) }} between -62135596800 and 253402300799
            then make_timestamp({{ parse_integer(text) }} * 1000000)
    end
{%- endmacro %}

{% macro postgres__parse_epoch(text) -%}
    case
        when {{ parse_integer(text) }} between -62135596800 and 253402300799
            then timestamp '1970-01-01' + {{ parse_integer(text) }} * interval '1 second'
    end
{%- endmacro %}
