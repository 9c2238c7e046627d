{# Instants are timestamps without zone that mean UTC, on every engine; no result depends on the session's zone. #}

{% macro utc_to_local(instant, zone) %}{{ return(adapter.dispatch('utc_to_local')(instant, zone)) }}{% endmacro %}

{% macro default__utc_to_local(instant, zone) -%}
    timezone('{{ zone }}', timezone('UTC', {{ instant }}))
{%- endmacro %}


{% macro local_to_utc(stamp, zone) %}
    {%- if zone in ('UTC', 'Etc/UTC') -%}
        {{- return(stamp) -}}
    {%- endif -%}
    {#- Both engines move an hour that the clocks skip to another one: the way back shows it. -#}
    {%- set instant = "timezone('UTC', timezone('" ~ zone ~ "', " ~ stamp ~ "))" -%}
    {{- return('case when ' ~ utc_to_local(instant, zone) ~ ' = ' ~ stamp ~ ' then ' ~ instant ~ ' end') -}}
{% endmacro %}


{% macro local_date(instant, zone) -%}
    cast({{ utc_to_local(instant, zone) }} as date)
{%- endmacro %}


{% macro days_between(first, last) %}{{ return(adapter.dispatch('days_between')(first, last)) }}{% endmacro %}

{% macro duckdb__days_between(first, last) -%}
    date_diff('day', cast({{ first }} as date), cast({{ last }} as date))
{%- endmacro %}

{% macro postgres__days_between(first, last) -%}
    cast(cast({{ last }} as date) - cast({{ first }} as date) as bigint)
{%- endmacro %}


{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}

{% macro default__add_days(day, days) -%}
    (cast({{ day }} as date) + cast({{ days }} as integer))
{%- endmacro %}


{% macro month_of(day) -%}
    cast(date_trunc('month', cast({{ day }} as timestamp)) as date)
{%- endmacro %}


{% macro month_after(month) -%}
    cast(cast({{ month }} as timestamp) + interval '1 month' as date)
{%- endmacro %}


{% macro seconds_between(first, last) %}{{ return(adapter.dispatch('seconds_between')(first, last)) }}{% endmacro %}

{% macro duckdb__seconds_between(first, last) -%}
    cast(cast(epoch_us({{ last }}) - epoch_us({{ first }}) as decimal(38, 0)) * 0.000001 as decimal(18, 6))
{%- endmacro %}

{% macro postgres__seconds_between(first, last) -%}
    cast(extract(epoch from ({{ last }}) - ({{ first }})) as numeric(18, 6))
{%- endmacro %}


{% macro instants(first, until, step) %}{{ return(adapter.dispatch('instants')(first, until, step)) }}{% endmacro %}

{% macro duckdb__instants(first, until, step) -%}
    select unnest(range(cast({{ first }} as timestamp), cast({{ until }} as timestamp), interval '{{ step }}')) as instant
{%- endmacro %}

{% macro postgres__instants(first, until, step) -%}
    select series.instant
    from generate_series(cast({{ first }} as timestamp), cast({{ until }} as timestamp) - interval '1 microsecond', interval '{{ step }}') as series (instant)
{%- endmacro %}


{# The later of two instants that one hour apart show the same clock. #}
{% macro is_repeated_hour(instant, zone) -%}
    {{ utc_to_local(instant, zone) }} = {{ utc_to_local(instant ~ " - interval '1' hour", zone) }}
{%- endmacro %}


{% macro window_start(instant, size) -%}
    {%- if size == 'five_minutes' -%}
        date_trunc('minute', {{ instant }}) - interval '1' minute * (cast(extract(minute from {{ instant }}) as integer) % 5)
    {%- else -%}
        date_trunc('hour', {{ instant }})
    {%- endif -%}
{%- endmacro %}
