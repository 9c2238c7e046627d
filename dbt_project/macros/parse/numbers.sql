{#
    Guard first, cast second: PostgreSQL raises on what it cannot cast, DuckDB takes 1_000 for 1000 and rounds 2.5.
    Plain: 12, -12.5, .5, 5. ; grouped: 1,234.5 ; scientific: 1.5e-05, exponents from -9 to 12, which is what writers of
    JSON make of small and large numbers (beyond that DuckDB rounds wrongly). White space around is allowed.
#}
{% macro number_pattern(shape) %}
    {%- set plain = '(?:[0-9]+[.]?[0-9]*|[.][0-9]+)' -%}
    {%- set grouped = '[0-9]{1,3}(?:,[0-9]{3})+(?:[.][0-9]+)?' -%}
    {%- set scientific = '[0-9](?:[.][0-9]{0,16})?[eE](?:-0?[0-9]|[+]?(?:0?[0-9]|1[0-2]))' -%}
    {%- set whole = '(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:[.]0*)?' -%}
    {%- set space = '[ \\t\\n\\v\\f\\r]*' -%}
    {{ return(space ~ '[+-]?' ~ {'plain': plain, 'grouped': grouped, 'scientific': scientific, 'whole': whole}[shape] ~ space) }}
{% endmacro %}


{% macro parse_decimal(text, precision, scale) %}
    {{- return(adapter.dispatch('parse_decimal')(text, precision, scale)) -}}
{% endmacro %}

{% macro duckdb__parse_decimal(text, precision, scale) -%}
    case
        when regexp_full_match({{ text }}, '{{ number_pattern("plain") }}') then try_cast({{ text }} as decimal({{ precision }}, {{ scale }}))
        when regexp_full_match({{ text }}, '{{ number_pattern("grouped") }}') then try_cast(replace({{ text }}, ',', '') as decimal({{ precision }}, {{ scale }}))
        when regexp_full_match({{ text }}, '{{ number_pattern("scientific") }}') then try_cast(try_cast({{ text }} as decimal(38, 25)) as decimal({{ precision }}, {{ scale }}))
    end
{%- endmacro %}

{# 1000 characters: numeric itself overflows, with an error, at 131072 digits. #}
{% macro postgres__parse_decimal(text, precision, scale) -%}
    {%- set limit = '9' * (precision - scale) ~ '.' ~ '9' * scale ~ '5' -%}
    case
        when {{ text }} ~ '^{{ number_pattern("plain") }}$' and length({{ text }}) < 1000
            then case when abs(cast({{ text }} as numeric)) < {{ limit }} then cast({{ text }} as numeric({{ precision }}, {{ scale }})) end
        when {{ text }} ~ '^{{ number_pattern("grouped") }}$' and length({{ text }}) < 1000
            then case when abs(cast(replace({{ text }}, ',', '') as numeric)) < {{ limit }} then cast(replace({{ text }}, ',', '') as numeric({{ precision }}, {{ scale }})) end
        when {{ text }} ~ '^{{ number_pattern("scientific") }}$'
            then case when abs(cast({{ text }} as numeric)) < {{ limit }} then cast({{ text }} as numeric({{ precision }}, {{ scale }})) end
    end
{%- endmacro %}


{% macro parse_integer(text) %}
    {{- return(adapter.dispatch('parse_integer')(text)) -}}
{% endmacro %}

{% macro duckdb__parse_integer(text) -%}
    case
        when regexp_full_match({{ text }}, '{{ number_pattern("whole") }}')
            then try_cast(try_cast(split_part(replace({{ text }}, ',', ''), '.', 1) as hugeint) as bigint)
    end
{%- endmacro %}

{% macro postgres__parse_integer(text) -%}
    case
        when {{ text }} ~ '^{{ number_pattern("whole") }}$' and length({{ text }}) < 1000
            then case
                when cast(split_part(replace({{ text }}, ',', ''), '.', 1) as numeric) between -9223372036854775808 and 9223372036854775807
                    then cast(split_part(replace({{ text }}, ',', ''), '.', 1) as bigint)
            end
    end
{%- endmacro %}
