{#
    One index per list of columns, for the config `indexes`, where an engine finds a few rows among many by them. DuckDB
    finds them by the ranges it keeps of every column anyway, and its indexes cost memory by the row: it gets none.
#}
{% macro row_indexes() %}{{ return(adapter.dispatch('row_indexes')(varargs)) }}{% endmacro %}

{% macro default__row_indexes(column_lists) %}{{ return([]) }}{% endmacro %}

{% macro postgres__row_indexes(column_lists) %}
    {% set indexes = [] %}
    {% for columns in column_lists %}{% do indexes.append({'columns': columns}) %}{% endfor %}
    {{ return(indexes) }}
{% endmacro %}


{% macro with_statistics() %}{{ return(adapter.dispatch('with_statistics')()) }}{% endmacro %}

{% macro default__with_statistics() %}{% endmacro %}

{% macro postgres__with_statistics() %}{% if model.config.materialized != 'view' %}analyze {{ this }}{% endif %}{% endmacro %}
