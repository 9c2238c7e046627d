{% macro parse_boolean(text) -%}
    case
        when lower({{ trimmed(text) }}) in ('true', 't', 'yes', 'y', '1') then true
        when lower({{ trimmed(text) }}) in ('false', 'f', 'no', 'n', '0') then false
    end
{%- endmacro %}
