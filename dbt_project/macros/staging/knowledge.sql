{#
    What "now" is. Both are dbt vars, so that any mart can be built as it would have read on an earlier day.
#}
{% macro reference_date() -%}
    {%- set given = var('reference_date', none) -%}
    {%- if given is none -%}
        {%- set day = run_started_at.strftime('%Y-%m-%d') -%}
    {%- else -%}
        {%- set day = given | string -%}
        {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', day) -%}
            {%- do exceptions.raise_compiler_error("var reference_date: '" ~ day ~ "' is not a day like 2021-01-31") -%}
        {%- endif -%}
    {%- endif -%}
    cast('{{ day }}' as date)
{%- endmacro %}


{% macro known_at() -%}
    {%- set given = var('known_at', none) -%}
    {%- if given is none -%}
        {%- set instant = run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') -%}
    {%- else -%}
        {%- set instant = utc_instant(given | string) -%}
    {%- endif -%}
    cast('{{ instant }}' as timestamp)
{%- endmacro %}

{% macro utc_instant(text) -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?', text) -%}
        {%- do exceptions.raise_compiler_error("var known_at: '" ~ text ~ "' is not an instant like 2021-01-31T09:00:00Z") -%}
    {%- endif -%}
    {%- set stamp = modules.datetime.datetime.fromisoformat(text.replace('Z', '+00:00')) -%}
    {%- if stamp.tzinfo is not none -%}
        {%- set stamp = stamp.astimezone(modules.pytz.utc) -%}
    {%- endif -%}
    {{- return(stamp.strftime('%Y-%m-%d %H:%M:%S.%f')) -}}
{%- endmacro %}


{#
    dlt may note one package twice when it is killed, hence `distinct`; a package without a note does not exist for us.
    every=true looks past known_at: for what is no knowledge about the world, such as pseudonyms.
#}
{% macro completed_loads(every=false) -%}
    select distinct load_id
    from {{ source('landing', '_dlt_loads') }}
    where status = 0
    {%- if not every and var('known_at', none) is not none %}
        and inserted_at <= cast('{{ utc_instant(var("known_at") | string) }}+00:00' as timestamp with time zone)
    {%- endif %}
{%- endmacro %}


{% macro load_times() -%}
    select
        load_id,
        timezone('UTC', max(inserted_at)) as landed_at
    from {{ source('landing', '_dlt_loads') }}
    where status = 0
    group by load_id
{%- endmacro %}


{% macro load_watermark(relation, column) %}
    {% if not execute or not is_incremental() %}{{ return(none) }}{% endif %}
    {% set latest = run_query('select max(' ~ column ~ ') from ' ~ relation).rows[0][0] %}
    {{ return("'" ~ (latest or '') ~ "'") }}
{% endmacro %}
