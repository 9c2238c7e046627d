{#
    The one macro that writes columns. It reads the model's YAML and expands to explicit SQL: one parse per declared column,
    the lineage of the row, and `_parse_failures`. See _macros.yml for the promise.

    `completed` lies inside `parsed` on purpose: PostgreSQL then computes each parse once, and still pushes a reader's
    filter on lineage down to the raw table.

    node: whose YAML to read, where it is not the model being built; int_parse_failures walks all of staging with it.
#}
{% macro typed(relation, every_load=false, node=none) %}
{%- set node = node or model -%}
{%- set columns = [] -%}
{%- set declared = node.columns -%}
{%- if execute -%}
    {%- for column in declared.values() if 'raw' in column_meta(column) or 'reads' in column_meta(column) -%}{%- do columns.append(column) -%}{%- endfor -%}
{%- endif -%}
{%- set present = raw_columns(relation) -%}
{#- The landing's own tables come from no file. -#}
{%- set lineage = ['_source_file', '_source_row', '_dlt_load_id'] | select('in', declared) | list if execute else ['_dlt_load_id'] -%}
with parsed as (

    with completed as (

        {{ completed_loads(every=every_load) | trim | replace('\n    ', '\n        ') }}

    )

    select
    {%- for column in columns %}
        {{ parse_column(column, present, node) }} as {{ column.name }},
    {%- endfor %}
    {%- for column in columns if is_parsed(column) and raw_text(column, present) != 'null' %}
        {{ raw_text(column, present) }} as {{ column.name }}_text,
    {%- endfor %}
    {%- for name in lineage %}
        {{ name if name == '_source_row' else as_text(name) ~ ' as ' ~ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ relation }}
    where _dlt_load_id in (select load_id from completed)

)

select
{%- for column in columns %}
    {{ column.name }},
{%- endfor %}
    {%- for name in lineage %}
    {{ name }},
    {%- endfor %}
    {{ failures_of(columns, present) }} as _parse_failures
from parsed
{%- endmacro %}


{# One type of text: dlt's is `varchar` on PostgreSQL, where an incremental model would take it for a change of schema. #}
{% macro as_text(expression) %}cast({{ expression }} as {{ dbt.type_string() }}){% endmacro %}


{% macro column_meta(column) %}
    {{ return((column.get('config') or {}).get('meta') or column.get('meta') or {}) }}
{% endmacro %}

{# The names a declared column may have in raw; the first that is sent counts. `reads`: it says more of a raw column that another declares. #}
{% macro raw_names(column) %}
    {% set names = column_meta(column).raw or column_meta(column).reads %}
    {{ return([names] if names is string else names) }}
{% endmacro %}

{# Names of the raw table's columns. A raw table that is not there stops the run: an empty mart must never pass for an answer. #}
{% macro raw_columns(relation) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% if model.resource_type == 'unit_test' %}
        {% do exceptions.raise_compiler_error('dbt shows a unit test no columns of the model it tests: test staging in tests/dialects') %}
    {% endif %}
    {% set found = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% if not found %}
        {% do exceptions.raise_compiler_error(
            'raw table ' ~ relation.schema ~ '.' ~ relation.identifier ~ ' does not exist in this warehouse. '
            ~ 'Land its source first: make ingest, or python -m ingestion land all'
        ) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}

{# SQL for the text of a declared column: the raw column, the first non-null of several, or null when raw has none of them. `join`: all of them. #}
{% macro raw_text(column, present) %}
    {% set names = [] %}
    {% for name in raw_names(column) if name in present %}{% do names.append(adapter.quote(name)) %}{% endfor %}
    {% if not names %}{{ return('null') }}{% endif %}
    {% if column_meta(column).get('join') %}{{ return("concat_ws(' ', " ~ names | join(', ') ~ ")") }}{% endif %}
    {{ return(names[0] if names | length == 1 else 'coalesce(' ~ names | join(', ') ~ ')') }}
{% endmacro %}

{% macro meaning(column) %}
    {% set type = column.data_type | lower %}
    {% set implied = 'decimal' if type.startswith(('numeric', 'decimal')) else {'string': 'text', 'bigint': 'integer'}.get(type, type) %}
    {{ return(column_meta(column).get('parse', implied)) }}
{% endmacro %}

{% macro is_parsed(column) %}{{ return(meaning(column) not in ('text', 'lacks_offset')) }}{% endmacro %}

{% macro parse_column(column, present, node) %}
    {%- set text = raw_text(column, present) -%}
    {%- set meaning = meaning(column) -%}
    {%- if text == 'null' -%}
        {{- return('cast(null as ' ~ api.Column.translate_type(column.data_type) ~ ')') -}}
    {%- elif meaning == 'text' -%}
        {{- return(as_text(parse_text(text))) -}}
    {%- elif meaning == 'integer' -%}
        {{- return(parse_integer(text)) -}}
    {%- elif meaning in ('decimal', 'decimal_comma') -%}
        {%- set size = modules.re.findall('[0-9]+', column.data_type) -%}
        {%- if size | length != 2 -%}
            {%- do exceptions.raise_compiler_error(node.name ~ '.' ~ column.name ~ ': write data_type as numeric(precision, scale)') -%}
        {%- endif -%}
        {%- set parse = parse_decimal if meaning == 'decimal' else parse_decimal_comma -%}
        {{- return(parse(text, size[0] | int, size[1] | int)) -}}
    {%- elif meaning == 'date' -%}
        {{- return(parse_date(text)) -}}
    {%- elif meaning == 'timestamp' -%}
        {%- set zone = column_meta(column).get('zone_var') -%}
        {{- return(parse_timestamp(text, var(zone) if zone else 'UTC')) -}}
    {%- elif meaning == 'local_stamp' -%}
        {{- return(parse_local_stamp(text)) -}}
    {%- elif meaning == 'lacks_offset' -%}
        {{- return(lacks_offset(text)) -}}
    {%- elif meaning == 'epoch' -%}
        {{- return(parse_epoch(text)) -}}
    {%- elif meaning == 'json_objects' -%}
        {{- return(as_text(parse_json_objects(text))) -}}
    {%- elif meaning == 'boolean' -%}
        {{- return(parse_boolean(text)) -}}
    {%- endif -%}
    {%- do exceptions.raise_compiler_error(node.name ~ '.' ~ column.name ~ ': no parse called ' ~ meaning) -%}
{% endmacro %}

{# Entries are `column` chr(31) `original text`, joined by chr(30); null when every text was understood. #}
{% macro failures_of(columns, present) -%}
    {%- set entries = [] -%}
    {%- for column in columns if is_parsed(column) and raw_text(column, present) != 'null' -%}
        {%- set text = column.name ~ '_text' -%}
        {%- do entries.append(
            'case when ' ~ column.name ~ ' is null and ' ~ says_something(text) | trim
            ~ " then '" ~ column.name ~ "' || chr(31) || replace(" ~ text ~ ', chr(30), chr(32)) end'
        ) -%}
    {%- endfor -%}
    {%- if entries -%}
    nullif(concat_ws(
        chr(30),
        {{ entries | join(',\n        ') }}
    ), '')
    {%- else -%}
    cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
