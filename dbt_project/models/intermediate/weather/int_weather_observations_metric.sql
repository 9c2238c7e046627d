{{ config(materialized='view') }}

-- Units come from what was asked, never from the value: 20 may be °C or °F. Local time comes from the offset in the answer,
-- so that no session's zone and no calendar of ours has a say in it.

{% set temperatures = ['temperature', 'feels_like', 'temperature_min', 'temperature_max'] %}
{% set speeds = ['wind_speed', 'wind_gust'] %}

with

observations as (

    select * from {{ ref('stg_openweather__observations') }}

),

versions as (

    select * from {{ ref('int_weather_observation_versions') }}

),

latest as (

    select
        observations.*,
        {{ dbt.dateadd('second', 'observations.utc_offset_seconds', 'observations.observed_at') }} as observed_at_local
    from observations
    inner join versions
        on observations._source_file = versions._source_file
        and observations._source_row = versions._source_row
        and observations._dlt_load_id = versions._dlt_load_id
    where versions.status = 'kept'

)

select
    latest.*,
    {%- for name in temperatures %}
    cast(
        case latest.units
            when 'metric' then latest.{{ name }}
            when 'standard' then latest.{{ name }} - 273.15
            when 'imperial' then {{ ratio('(latest.' ~ name ~ ' - 32) * 5', '9', 4) }}
        end as numeric(9, 4)
    ) as {{ name }}_celsius,
    {%- endfor %}
    {%- for name in speeds %}
    cast(
        case latest.units
            when 'metric' then latest.{{ name }}
            when 'standard' then latest.{{ name }}
            when 'imperial' then latest.{{ name }} * 0.44704
        end as numeric(9, 4)
    ) as {{ name }}_mps,
    {%- endfor %}
    {{ json_count('latest.weather') }} as weather_item_count,
    {{ parse_integer(json_text('latest.weather', 1, 'id')) }} as weather_id,
    {{ as_text(json_text('latest.weather', 1, 'main')) }} as weather_main,
    {{ as_text(json_text('latest.weather', 1, 'description')) }} as weather_description,
    {{ as_text(json_text('latest.weather', 1, 'icon')) }} as weather_icon,
    {{ as_text(json_texts('latest.weather', 'id', "', '")) }} as weather_ids,
    {{ as_text(json_texts('latest.weather', 'main', "', '")) }} as weather_mains,
    cast(latest.observed_at_local as date) as local_date
from latest
