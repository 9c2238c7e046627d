{% macro ratio(numerator, denominator, scale) %}
    {{- return(adapter.dispatch('ratio')(numerator, denominator, scale)) -}}
{% endmacro %}

{# DuckDB divides decimals as doubles; whole numbers divide exactly. #}
{% macro duckdb__ratio(numerator, denominator, scale) -%}
    {%- set n = 'cast(cast(' ~ numerator ~ ' as decimal(28, 9)) * 1000000000 as hugeint)' -%}
    {%- set d = 'cast(cast(' ~ denominator ~ ' as decimal(28, 9)) * 1000000000 as hugeint)' -%}
    cast(cast(
        sign({{ n }}) * sign({{ d }}) * ((2 * abs({{ n }}) * {{ 10 ** scale }} + abs({{ d }})) // nullif(2 * abs({{ d }}), 0))
        as decimal(37, 0)) * {{ one_at(scale) }} as decimal(38, {{ scale }}))
{%- endmacro %}

{% macro postgres__ratio(numerator, denominator, scale) -%}
    {%- set n = 'cast(' ~ numerator ~ ' as numeric(28, 9))' -%}
    {%- set d = 'cast(' ~ denominator ~ ' as numeric(28, 9))' -%}
    cast(
        sign({{ n }}) * sign({{ d }}) * div(2 * abs({{ n }}) * {{ 10 ** scale }} + abs({{ d }}), nullif(2 * abs({{ d }}), 0)) * {{ one_at(scale) }}
        as numeric(38, {{ scale }}))
{%- endmacro %}

{# 10 to the power of minus scale, as a literal with exactly that scale. #}
{% macro one_at(scale) -%}
    {{ '1' if scale == 0 else '0.' ~ '0' * (scale - 1) ~ '1' }}
{%- endmacro %}


{% macro share(amount, part, whole, precision, scale) %}
    {{- return(adapter.dispatch('share')(amount, part, whole, precision, scale)) -}}
{% endmacro %}

{# 64 bits are nine times as quick as 128, and enough below a thousand million and for wholes of up to 4000. #}
{% macro duckdb__share(amount, part, whole, precision, scale) -%}
    case
        when abs({{ amount }}) < 1000000000 then {{ whole_number_share(amount, part, whole, precision, scale, 'bigint', 18) }}
        else {{ whole_number_share(amount, part, whole, precision, scale, 'hugeint', 37) }}
    end
{%- endmacro %}

{% macro whole_number_share(amount, part, whole, precision, scale, type, digits) -%}
    {%- set units = 'cast(trunc(abs(' ~ amount ~ ')) as ' ~ type ~ ')' -%}
    {%- set rest = 'cast((abs(' ~ amount ~ ') - trunc(abs(' ~ amount ~ '))) * ' ~ 10 ** scale ~ ' as ' ~ type ~ ')' -%}
    cast(cast(
            sign({{ amount }}) * ((2 * ({{ units }} * {{ 10 ** scale }} + {{ rest }}) * {{ part }} + {{ whole }}) // nullif(2 * {{ whole }}, 0))
            as decimal({{ digits }}, 0)) * {{ one_at(scale) }} as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}

{# numeric keeps 16 digits and more; a tie is a finite fraction, and with wholes of up to a few thousand nothing else comes near one. #}
{% macro postgres__share(amount, part, whole, precision, scale) -%}
    cast(round({{ amount }} * {{ part }} / nullif({{ whole }}, 0), {{ scale }}) as numeric({{ precision }}, {{ scale }}))
{%- endmacro %}


{# Of values that are all the same nothing needs to be divided, which a division of 128 bits makes worth asking. #}
{% macro average(amount, scale) -%}
    case
        when min({{ amount }}) = max({{ amount }}) then cast(min({{ amount }}) as numeric(18, {{ scale }}))
        else cast({{ ratio('sum(' ~ amount ~ ')', 'count(' ~ amount ~ ')', scale) }} as numeric(18, {{ scale }}))
    end
{%- endmacro %}


{% macro middle(amount) -%}
    percentile_disc(0.5) within group (order by {{ amount }})
{%- endmacro %}
