-- A ledger that lost its lines would explain everything. Every raw table with rows has its first hop; and a source that has
-- a model of its own has lines of it beside those, in which something came in. A build of a part (`--select`) asks this only of
-- sources whose model it builds: another source may just have landed for the first time, and be built next.
-- depends_on: {{ ref('conservation_landing') }}
{% set sources = [] %}
{% if execute %}
    {% for node in graph.nodes.values() | sort(attribute='name') if node.resource_type == 'model' %}
        {% set source = node.name[('conservation_' | length):] %}
        {% set is_of_this_run = flags.WHICH != 'build' or node.unique_id in selected_resources %}
        {% if node.name.startswith('conservation_') and is_of_this_run
            and graph.sources.values() | selectattr('source_name', 'eq', source) | list %}
            {% do sources.append(source) %}
        {% endif %}
    {% endfor %}
{% endif %}

with

raw_loads as (

    select * from {{ ref('conservation_raw_loads') }}
    where raw_rows > 0

),

balances as (

    select * from {{ ref('conservation') }}
    where amount_in > 0

)

select distinct
    raw_loads.source,
    raw_loads.table_name
from raw_loads
left join balances
    on raw_loads.source = balances.source
    and balances.hop = 'landed files to raw ' || raw_loads.table_name
where balances.hop is null
{% for source in sources %}
union all

select
    '{{ source }}' as source,
    'its own model' as table_name
from (select count(*) as row_count from raw_loads where source = '{{ source }}') as landed
cross join (
    select count(*) as line_count from balances
    where source = '{{ source }}' and hop not like 'landed files to raw %'
) as explained
where landed.row_count > 0
    and explained.line_count = 0
{% endfor %}
