{#
    What European loggers write: 1.234,56 and 28/03/2021 00:30:00. Turned into the shapes that the other parse macros know
    and guard; what does not fit one of the shapes below becomes null, never a guess.
#}
{% macro fully_matches(text, pattern) %}{{ return(adapter.dispatch('fully_matches')(text, pattern)) }}{% endmacro %}

{% macro duckdb__fully_matches(text, pattern) -%}
    regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro postgres__fully_matches(text, pattern) -%}
    {{ text }} ~ '^(?:{{ pattern }})$'
{%- endmacro %}


{# 3.2 is no number here: a dot separates thousands, so it stands before three digits or not at all. #}
{% macro comma_number_pattern() %}
    {%- set space = '[ \\t\\n\\v\\f\\r]*' -%}
    {{ return(space ~ '[+-]?(?:(?:[0-9]+|[0-9]{1,3}(?:[.][0-9]{3})+)(?:,[0-9]*)?|,[0-9]+)' ~ space) }}
{% endmacro %}

{% macro parse_decimal_comma(text, precision, scale) -%}
    case
        when {{ fully_matches(text, comma_number_pattern()) }}
            then {{ parse_decimal("replace(replace(" ~ text ~ ", '.', ''), ',', '.')", precision, scale) }}
    end
{%- endmacro %}


{# A wall-clock stamp in any of three orders, as ISO 8601; null in any other shape. The calendar is asked afterwards. #}
{% macro iso_stamp(text) -%}
    {%- set stamp = trimmed(text) -%}
    {%- set clock = '[T ]+[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?' -%}
    {%- set time = trimmed('substr(' ~ stamp ~ ", 11)") -%}
    case
        when {{ fully_matches(stamp, '[0-9]{2}[/.-][0-9]{2}[/.-][0-9]{4}' ~ clock) }}
            then substr({{ stamp }}, 7, 4) || '-' || substr({{ stamp }}, 4, 2) || '-' || left({{ stamp }}, 2) || ' ' || {{ time }}
        when {{ fully_matches(stamp, '[0-9]{4}[/-][0-9]{2}[/-][0-9]{2}' ~ clock) }}
            then replace(left({{ stamp }}, 10), '/', '-') || ' ' || {{ time }}
    end
{%- endmacro %}

{% macro parse_local_stamp(text) -%}
    {{ parse_timestamp(iso_stamp(text), 'UTC') }}
{%- endmacro %}


{% macro lacks_offset(text) -%}
    {%- set rest = 'substr(' ~ trimmed(text) ~ ', 11)' -%}
    right({{ trimmed(text) }}, 1) <> 'Z' and right({{ trimmed(text) }}, 4) <> ' UTC' and strpos({{ rest }}, '+') = 0 and strpos({{ rest }}, '-') = 0
{%- endmacro %}
