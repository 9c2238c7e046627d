{#
    For `loaded_at_query` of a source, which all its tables share: when the table's last file landed. Of completed loads
    only, and of this source: another may have a table of the same name one day.
#}
{% macro last_landed() -%}
    select max(cast(landed_at as timestamp with time zone))
    from {{ source('landing', 'landed_files') }}
    where source = '{{ model.source_name }}'
        and table_name = '{{ model.identifier }}'
        and _dlt_load_id in ({{ completed_loads() }})
{%- endmacro %}


{# A threshold of a source's YAML in seconds; null where there is none. #}
{% macro threshold_seconds(threshold) %}
    {% if not threshold or not threshold.get('count') %}{{ return('null') }}{% endif %}
    {{ return(threshold.count * {'minute': 60, 'hour': 3600, 'day': 86400}[threshold.period | string]) }}
{% endmacro %}


{#
    The tables that are expected to be fresh, from the YAML of their sources: source, table_name, is_optional, late_after_s,
    stale_after_s. One SELECT of literals.
#}
{% macro expected_tables() %}
    {%- set rows = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.freshness and (node.freshness.warn_after or node.freshness.error_after) -%}
            {%- set late = threshold_seconds(node.freshness.warn_after) -%}
            {%- set stale = threshold_seconds(node.freshness.error_after) -%}
            {%- if not (late == 'null' and stale == 'null') -%}
                {%- set is_optional = column_meta(node).get('optional', false) -%}
                {%- do rows.append((node.source_name, node.identifier, is_optional, late, stale)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for row in rows | sort %}
    select '{{ row[0] }}' as source, '{{ row[1] }}' as table_name, {{ row[2] | lower }} as is_optional, cast({{ row[3] }} as bigint) as late_after_s, cast({{ row[4] }} as bigint) as stale_after_s
    {{ 'union all' if not loop.last }}
    {%- else %}
    select '' as source, '' as table_name, false as is_optional, cast(null as bigint) as late_after_s, cast(null as bigint) as stale_after_s
    where false
    {%- endfor -%}
{% endmacro %}


{#
    ledger.freshness_checks: one row per table and run of `dbt source freshness` (which `python -m publishing freshness`
    runs), written by the hook on-run-end. What a scheduler saw, and when.
#}
{% macro freshness_checked(results) %}
    {% if execute and flags.WHICH in ('freshness', 'source-freshness') %}
        {% set lines = [] %}
        {% for result in results if result.max_loaded_at %}
            {% set stamp = '%Y-%m-%d %H:%M:%S.%f' %}
            {% set loaded_at = 'null' if result.max_loaded_at.year < 1900 else build_text(result.max_loaded_at.strftime(stamp)) %}
            {% set word = {'pass': 'fresh', 'warn': 'late', 'error': 'stale'}.get(result.status | string, result.status | string) %}
            {% do lines.append('(' ~ [
                build_text(invocation_id), build_text(result.node.source_name), build_text(result.node.identifier),
                build_text('never landed' if loaded_at == 'null' else word), loaded_at,
                build_text(result.snapshotted_at.strftime(stamp))
            ] | join(', ') ~ ')') %}
        {% endfor %}
        {% if lines %}
            {% do run_query("create schema if not exists ledger") %}
            {% do run_query(
                "create table if not exists ledger.freshness_checks (invocation_id text not null, source text not null,"
                ~ " table_name text not null, status text not null, last_landed_at timestamp, checked_at timestamp not null)"
            ) %}
            {{ return('insert into ledger.freshness_checks values ' ~ lines | join(', ')) }}
        {% endif %}
    {% endif %}
{% endmacro %}
