{# Schemas are called what they are called: staging, intermediate, marts, ledger; no prefix from the profile. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
