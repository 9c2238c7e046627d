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


{# Wall-clock stamps: the day first where the year stands last. The shape is guarded first, the calendar asked afterwards. #}
{% macro local_stamp_pattern(day_first) %}
    {%- set day = '[0-9]{2}[/.-][0-9]{2}[/.-][0-9]{4}' if day_first else '[0-9]{4}[/-][0-9]{2}[/-][0-9]{2}' -%}
    {{- return(day ~ '[T ]+' ~ time_pattern()) -}}
{% endmacro %}

{% macro parse_local_stamp(text) -%}
    {%- set stamp = trimmed(text) -%}
    {%- set year_last = ['substr(' ~ stamp ~ ', 7, 4)', 'substr(' ~ stamp ~ ', 4, 2)', 'left(' ~ stamp ~ ', 2)', stamp] -%}
    {%- set year_first = ['left(' ~ stamp ~ ', 4)', 'substr(' ~ stamp ~ ', 6, 2)', 'substr(' ~ stamp ~ ', 9, 2)', stamp] -%}
    case
        when {{ fully_matches(stamp, local_stamp_pattern(true)) }} then {{ stamp_of(*year_last) }}
        when {{ fully_matches(stamp, local_stamp_pattern(false)) }} then {{ stamp_of(*year_first) }}
    end
{%- endmacro %}


{% macro stamp_of(year, month, day, stamp) %}{{ return(adapter.dispatch('stamp_of')(year, month, day, stamp)) }}{% endmacro %}

{% macro duckdb__stamp_of(year, month, day, stamp) -%}
    case
        when {{ year }} <> '0000'
            then try_cast({{ year }} || '-' || {{ month }} || '-' || {{ day }} || ' ' || right({{ stamp }}, length({{ stamp }}) - strpos({{ stamp }}, ':') + 3) as timestamp)
    end
{%- endmacro %}

{# A long pattern costs 3 microseconds a value here, and is asked only for the last days of a month. #}
{% macro postgres__stamp_of(year, month, day, stamp) -%}
    case
        when {{ year }} <> '0000' and {{ month }} between '01' and '12' and (
            {{ day }} between '01' and '28' or ({{ year }} || '-' || {{ month }} || '-' || {{ day }}) ~ '^{{ date_pattern() }}$'
        )
            then cast({{ year }} || '-' || {{ month }} || '-' || {{ day }} || ' ' || right({{ stamp }}, length({{ stamp }}) - strpos({{ stamp }}, ':') + 3) as timestamp)
    end
{%- endmacro %}


{% macro lacks_offset(text) -%}
    {%- set rest = 'substr(' ~ trimmed(text) ~ ', 11)' -%}
    right({{ trimmed(text) }}, 1) <> 'Z' and right({{ trimmed(text) }}, 4) <> ' UTC' and strpos({{ rest }}, '+') = 0 and strpos({{ rest }}, '-') = 0
{%- endmacro %}
