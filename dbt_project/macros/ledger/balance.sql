{# See _conservation__macros.yml for the promise. Every side has one type: a union of numeric(38, 6) and numeric(38, 2) rounds to cents on DuckDB. #}
{% macro balance(source, hop, measure, amount_in, kept, superseded='0', rejected='0', unmapped='0') -%}
    select
        {{ as_text("'" ~ source ~ "'") }} as source,
        {{ as_text("'" ~ hop ~ "'") }} as hop,
        {{ as_text("'" ~ measure ~ "'") }} as measure,
        cast({{ amount_in }} as numeric(38, 6)) as amount_in,
        cast({{ kept }} as numeric(38, 6)) as kept,
        cast({{ superseded }} as numeric(38, 6)) as superseded,
        cast({{ rejected }} as numeric(38, 6)) as rejected,
        cast({{ unmapped }} as numeric(38, 6)) as unmapped
{%- endmacro %}
