{% macro md5_text(text) -%}
    md5(cast({{ text }} as text))
{%- endmacro %}


{# A list of texts: unnest() makes rows of it on every engine. #}
{% macro split_text(text, separator) %}{{ return(adapter.dispatch('split_text')(text, separator)) }}{% endmacro %}

{% macro duckdb__split_text(text, separator) -%}
    string_split({{ text }}, {{ separator }})
{%- endmacro %}

{% macro postgres__split_text(text, separator) -%}
    string_to_array({{ text }}, {{ separator }})
{%- endmacro %}


{% macro json_list(text) %}{{ return(adapter.dispatch('json_list')(text)) }}{% endmacro %}

{% macro duckdb__json_list(text) -%}
    from_json({{ text }}, '["VARCHAR"]')
{%- endmacro %}

{% macro postgres__json_list(text) -%}
    array(select jsonb_array_elements_text(cast({{ text }} as jsonb)))
{%- endmacro %}


{# Orders text by its bytes: a database's collation would order differently from engine to engine. #}
{% macro by_bytes(text) %}{{ return(adapter.dispatch('by_bytes')(text)) }}{% endmacro %}

{% macro duckdb__by_bytes(text) -%}
    {{ text }}
{%- endmacro %}

{% macro postgres__by_bytes(text) -%}
    {{ text }} collate "C"
{%- endmacro %}


{% macro text_list(texts) %}'{{ texts | join("', '") }}'{% endmacro %}
