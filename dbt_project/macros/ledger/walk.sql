{#
    What the ledgers find by looking instead of by a list. Both are lists of dictionaries in a fixed order, and empty while
    dbt only parses: dbt learns no order from them, so they may lead to raw, which is there before a run, and nowhere else.
#}

{# Raw tables of every declared source but the landing's own that exist: source, name, relation. #}
{% macro raw_tables() %}
    {% set found = [] %}
    {% if execute %}
        {% for node in graph.sources.values() | sort(attribute='unique_id') if node.source_name != 'landing' %}
            {% set relation = adapter.get_relation(node.database, node.schema, node.identifier) %}
            {% if relation %}
                {% do found.append({'source': node.source_name, 'name': node.identifier, 'relation': relation}) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# Staging models of those tables that carry _parse_failures: source, name, relation as above, and the model as node. #}
{% macro staged_tables() %}
    {% set found = [] %}
    {% if execute %}
        {% set tables = {} %}
        {% for table in raw_tables() %}{% do tables.update({table.source ~ '.' ~ table.name: table}) %}{% endfor %}
        {% for node in graph.nodes.values() | sort(attribute='unique_id')
            if node.resource_type == 'model' and node.schema == 'staging'
            and '_parse_failures' in node.columns and '_source_row' in node.columns %}
            {% for parent in node.depends_on.nodes if parent in graph.sources %}
                {% set given = graph.sources[parent] %}
                {% set table = tables.get(given.source_name ~ '.' ~ given.identifier) %}
                {% if table %}{% do found.append(dict(table, node=node)) %}{% endif %}
            {% endfor %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# The greatest load of each table in an incremental relation, by `source.table`; empty when this run builds it anew. #}
{% macro table_watermarks(relation, by=['source', 'table_name']) %}
    {% set marks = {} %}
    {% if execute and is_incremental() %}
        {% set rows = run_query('select ' ~ by | join(', ') ~ ', max(_dlt_load_id) from ' ~ relation ~ ' group by ' ~ by | join(', ')).rows %}
        {% for row in rows %}{% do marks.update({row.values()[:-1] | join('.'): row.values()[-1]}) %}{% endfor %}
    {% endif %}
    {{ return(marks) }}
{% endmacro %}
