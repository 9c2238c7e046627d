{#
    The dictionary as rows: one per declared column of a raw table and each name it may have there. Written from the YAML of
    the staging models, so that ledgers cannot disagree with it.
#}
{% macro declared_columns() %}
    {%- set rows = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.schema == 'staging' -%}
            {%- for parent in node.depends_on.nodes if parent.startswith('source.') and not parent.endswith('._dlt_loads') -%}
                {%- set source_node = graph.sources[parent] -%}
                {%- for column in node.columns.values() if 'raw' in column_meta(column) -%}
                    {%- for name in raw_names(column) -%}
                        {%- do rows.append((
                            source_node.source_name, source_node.identifier, column.name, name,
                            column_meta(column).pii, column_meta(column).get('optional', false)
                        )) -%}
                    {%- endfor -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for row in rows | sort %}
    select '{{ row[0] }}' as source, '{{ row[1] }}' as table_name, '{{ row[2] }}' as column_name, '{{ row[3] }}' as raw_column, '{{ row[4] }}' as pii, {{ row[5] | lower }} as is_optional
    {{ 'union all' if not loop.last }}
    {%- else %}
    select '' as source, '' as table_name, '' as column_name, '' as raw_column, '' as pii, false as is_optional
    {%- endfor -%}
{% endmacro %}


{# What is left of a column's name when letter case, spacing and punctuation may differ: how landing matches names. #}
{% macro bare_name(name) -%}
    lower(translate({{ name }}, ' _-:.', ''))
{%- endmacro %}
