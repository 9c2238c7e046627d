{#
    Guard first, cast second, as with numbers: PostgreSQL before 16 cannot ask whether a text is JSON. The pattern is JSON's
    grammar to a limited depth, written as an e'' literal; escapes that name half a character or NUL are none, since no text
    can hold them.
#}
{% macro json_objects_pattern() %}
    {%- set space = '[ \\t\\n\\r]*' -%}
    {%- set hex = '[0-9a-fA-F]' -%}
    {%- set unit = '(?:[1-9abcefABCEF]' ~ hex ~ '{3}|0[1-9a-fA-F]' ~ hex ~ '{2}|00[1-9a-fA-F]' ~ hex ~ '|000[1-9a-fA-F]|[dD][0-7]' ~ hex ~ '{2})' -%}
    {%- set pair_of_units = '[dD][89abAB]' ~ hex ~ '{2}\\\\u[dD][c-fC-F]' ~ hex ~ '{2}' -%}
    {%- set escape = '\\\\(?:["\\\\/bfnrt]|u(?:' ~ unit ~ '|' ~ pair_of_units ~ '))' -%}
    {%- set string = '"(?:[^"\\\\CONTROLS]|' ~ escape ~ ')*"' -%}
    {%- set number = '-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]{1,2})?' -%}
    {%- set scalar = '(?:' ~ string ~ '|' ~ number ~ '|true|false|null)' -%}
    {%- set list = '\\[' ~ space ~ '(?:' ~ scalar ~ space ~ '(?:,' ~ space ~ scalar ~ space ~ ')*)?\\]' -%}
    {%- set member = string ~ space ~ ':' ~ space ~ '(?:' ~ scalar ~ '|' ~ list ~ ')' ~ space -%}
    {%- set object = '\\{' ~ space ~ '(?:' ~ member ~ '(?:,' ~ space ~ member ~ ')*)?\\}' -%}
    {%- set objects = space ~ '\\[' ~ space ~ '(?:' ~ object ~ space ~ '(?:,' ~ space ~ object ~ space ~ ')*)?\\]' ~ space -%}
    {{ return(objects | replace('\\', '\\\\') | replace('CONTROLS', '\\x01-\\x1f')) }}
{% endmacro %}


{% macro parse_json_objects(text) %}
    {{- return(adapter.dispatch('parse_json_objects')(text)) -}}
{% endmacro %}

{% macro duckdb__parse_json_objects(text) -%}
    case when regexp_full_match({{ text }}, e'{{ json_objects_pattern() }}') then {{ text }} end
{%- endmacro %}

{% macro postgres__parse_json_objects(text) -%}
    case when {{ text }} ~ e'^{{ json_objects_pattern() }}$' then {{ text }} end
{%- endmacro %}


{# What follows reads only texts that parse_json_objects let pass. #}
{% macro json_count(objects) %}
    {{- return(adapter.dispatch('json_count')(objects)) -}}
{% endmacro %}

{% macro duckdb__json_count(objects) -%}
    cast(json_array_length({{ objects }}) as bigint)
{%- endmacro %}

{% macro postgres__json_count(objects) -%}
    cast(json_array_length(cast({{ objects }} as json)) as bigint)
{%- endmacro %}


{% macro json_text(objects, position, key) %}
    {{- return(adapter.dispatch('json_text')(objects, position, key)) -}}
{% endmacro %}

{% macro duckdb__json_text(objects, position, key) -%}
    json_extract_string({{ objects }}, '$[{{ position - 1 }}]."{{ key }}"')
{%- endmacro %}

{% macro postgres__json_text(objects, position, key) -%}
    (cast({{ objects }} as json) -> {{ position - 1 }} ->> '{{ key }}')
{%- endmacro %}


{% macro json_texts(objects, key, separator) %}
    {{- return(adapter.dispatch('json_texts')(objects, key, separator)) -}}
{% endmacro %}

{% macro duckdb__json_texts(objects, key, separator) -%}
    nullif(array_to_string(json_extract_string({{ objects }}, '$[*]."{{ key }}"'), {{ separator }}), '')
{%- endmacro %}

{% macro postgres__json_texts(objects, key, separator) -%}
    nullif((
        select string_agg(listed.item ->> '{{ key }}', {{ separator }} order by listed.place)
        from json_array_elements(cast({{ objects }} as json)) with ordinality as listed (item, place)
    ), '')
{%- endmacro %}
