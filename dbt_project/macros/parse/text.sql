{# Promises, with examples: _macros.yml. White space here is what ASCII calls so: space and chr(9) to chr(13). #}

{% macro trimmed(text) %}{{ return(adapter.dispatch('trimmed')(text)) }}{% endmacro %}

{% macro default__trimmed(text) %}trim({{ text }}, e' \t\n\x0b\f\r'){% endmacro %}

{% macro postgres__trimmed(text) %}btrim({{ text }}, e' \t\n\x0b\f\r'){% endmacro %}


{% macro parse_text(text) %}case when {{ trimmed(text) }} <> '' then {{ text }} end{% endmacro %}


{# The listed words for nothing, and no others. #}
{% macro says_something(text) -%}
    {{ text }} is not null and {{ trimmed(text) }} not in ('', 'N/A', 'NULL', '-')
{%- endmacro %}
