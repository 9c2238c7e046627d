-- Every source's balances in one place. `conservation_landing` has the first hop of every raw table by itself; a source
-- with marts adds a model `balances/conservation_<source>.sql` (see its YAML for the way to write one) and its name
-- here, since dbt learns from names alone what to build first. tests/contracts tells when it is forgotten.

with

amounts as (

    {% for part in [
        ref('conservation_landing'),
        ref('conservation_abbanoa'),
        ref('conservation_energy_transfer'),
        ref('conservation_openweather'),
        ref('conservation_smart_meters'),
        ref('conservation_winnipeg_billing'),
    ] -%}
    select * from {{ part }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    amounts.source,
    amounts.hop,
    amounts.measure,
    amounts.amount_in,
    amounts.kept,
    amounts.superseded,
    amounts.rejected,
    amounts.unmapped,
    cast(
        amounts.amount_in - amounts.kept - amounts.superseded - amounts.rejected - amounts.unmapped as numeric(38, 6)
    ) as unexplained
from amounts
