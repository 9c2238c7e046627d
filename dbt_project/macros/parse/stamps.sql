{#
    Dates and stamps are ISO 8601 only: 2021-03-28, 2021-03-28T01:30:00.000, a space instead of T, an offset (or ` UTC`)
    after the time. What an engine would guess at (20210328, 01/02/2021, now, 24:00) is no date. Years 0001 to 9999.
#}
{% macro date_pattern() %}
    {%- set day31 = '(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])' -%}
    {%- set day30 = '(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)' -%}
    {%- set february = '02-(?:0[1-9]|1[0-9]|2[0-8])' -%}
    {%- set leap_year = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)' -%}
    {{ return('(?:[0-9]{4}-(?:' ~ day31 ~ '|' ~ day30 ~ '|' ~ february ~ ')|' ~ leap_year ~ '-02-29)') }}
{% endmacro %}

{# As above without the calendar. #}
{% macro day_pattern() %}{{ return('[0-9]{4}-[0-9]{2}-[0-9]{2}') }}{% endmacro %}

{% macro time_pattern(seconds='?') %}{{ return('(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)' ~ seconds) }}{% endmacro %}

{# DuckDB casts no offset that follows minutes: with an offset, seconds must be there. BigQuery writes ` UTC`. #}
{% macro offset_pattern() %}{{ return('(?:Z| UTC|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)') }}{% endmacro %}


{% macro parse_date(text) %}
    {{- return(adapter.dispatch('parse_date')(text)) -}}
{% endmacro %}

{# Here try_cast knows the calendar, and the pattern only keeps out what it would guess at. #}
{% macro duckdb__parse_date(text) -%}
    case
        when regexp_full_match({{ trimmed(text) }}, '{{ day_pattern() }}(?:[T ]00:00(?::00(?:[.]0{1,6})?)?)?') and {{ trimmed(text) }} >= '0001'
            then try_cast(left({{ trimmed(text) }}, 10) as date)
    end
{%- endmacro %}

{# A long pattern costs 3 microseconds a value here; the first branch, 1, answers for all days but the last ones of a month. #}
{% macro postgres__parse_date(text) -%}
    case
        when substr({{ text }}, 11) in ('', 'T00:00:00.000') and {{ is_common_date(text) }} then cast(left({{ text }}, 10) as date)
        when {{ trimmed(text) }} ~ '^{{ date_pattern() }}(?:[T ]00:00(?::00(?:[.]0{1,6})?)?)?$' and {{ trimmed(text) }} >= '0001'
            then cast(left({{ trimmed(text) }}, 10) as date)
    end
{%- endmacro %}

{% macro is_common_date(text) -%}
    translate(left({{ text }}, 10), '0123456789', '0000000000') = '0000-00-00'
    and substr({{ text }}, 6, 2) between '01' and '12' and substr({{ text }}, 9, 2) between '01' and '28' and left({{ text }}, 4) <> '0000'
{%- endmacro %}


{% macro parse_timestamp(text, zone='UTC', date_only=false) %}
    {{- return(adapter.dispatch('parse_timestamp')(text, zone, date_only)) -}}
{% endmacro %}

{# The first two branches are the common shapes, told by their round trip, which costs half a pattern. #}
{% macro duckdb__parse_timestamp(text, zone, date_only) -%}
    {%- set naive = day_pattern() ~ ('(?:[T ]' ~ time_pattern() ~ ')?' if date_only else '[T ]' ~ time_pattern()) -%}
    case
        when length({{ text }}) = 19 and cast(try_cast({{ text }} as timestamp) as varchar) = {{ text }}
            then {{ local_to_utc('try_cast(' ~ text ~ ' as timestamp)', zone) }}
        when length({{ text }}) = 23 and cast(try_cast(left({{ text }}, 19) as timestamp) as varchar) || ' UTC' = {{ text }}
            then try_cast(left({{ text }}, 19) as timestamp)
        when regexp_full_match({{ trimmed(text) }}, '{{ naive }}') and {{ trimmed(text) }} >= '0001'
            then {{ local_to_utc('try_cast(' ~ trimmed(text) ~ ' as timestamp)', zone) }}
        when regexp_full_match({{ trimmed(text) }}, '{{ day_pattern() }}[T ]{{ time_pattern(seconds='') }}{{ offset_pattern() }}') and {{ trimmed(text) }} >= '0001'
            then make_timestamp(epoch_us(try_cast({{ trimmed(text) }} as timestamp with time zone)))
    end
{%- endmacro %}

{# The first two branches are the common shapes; a long pattern would cost three times as much. #}
{% macro postgres__parse_timestamp(text, zone, date_only) -%}
    {%- set naive = date_pattern() ~ ('(?:[T ]' ~ time_pattern() ~ ')?' if date_only else '[T ]' ~ time_pattern()) -%}
    {%- set is_common -%}
        {{ is_common_date(text) }} and translate(substr({{ text }}, 11, 9), 'T0123456789', ' 0000000000') = ' 00:00:00'
            and substr({{ text }}, 12, 2) < '24' and substr({{ text }}, 15, 2) < '60' and substr({{ text }}, 18, 2) < '60'
    {%- endset -%}
    case
        when substr({{ text }}, 20) in ('', '.000') and {{ is_common }}
            then {{ local_to_utc('cast(' ~ text ~ ' as timestamp)', zone) }}
        when substr({{ text }}, 20) in ('Z', ' UTC', '.000Z', '+00:00', '+01:00') and {{ is_common }}
            then cast({{ text }} as timestamp with time zone) at time zone 'UTC'
        when {{ trimmed(text) }} ~ '^{{ naive }}$' and {{ trimmed(text) }} >= '0001'
            then {{ local_to_utc('cast(' ~ trimmed(text) ~ ' as timestamp)', zone) }}
        when {{ trimmed(text) }} ~ '^{{ date_pattern() }}[T ]{{ time_pattern(seconds='') }}{{ offset_pattern() }}$' and {{ trimmed(text) }} >= '0001'
            then cast({{ trimmed(text) }} as timestamp with time zone) at time zone 'UTC'
    end
{%- endmacro %}
