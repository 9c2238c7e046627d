-- Means are means of the observations; rain and snow are not, since answers overlap: see int_weather_precipitation.

{% set means = {
    'temperature_mean_celsius': 'temperature_celsius',
    'humidity_mean_pct': 'humidity_pct',
    'pressure_mean_hpa': 'pressure_hpa',
    'wind_speed_mean_mps': 'wind_speed_mps',
    'cloudiness_mean_pct': 'cloudiness_pct',
} %}
{% set base = 'cast(' ~ var('degree_day_base_celsius') ~ ' as numeric(9, 4))' %}

with

observations as (

    select * from {{ ref('fct_weather_observations') }}
    where local_date is not null

),

precipitation as (

    select * from {{ ref('int_weather_precipitation') }}

),

placed as (

    select
        observations.*,
        precipitation.rain_mm,
        precipitation.snow_mm,
        precipitation.rain_covered_seconds,
        precipitation.snow_covered_seconds,
        extract(hour from observations.observed_at_local) * 100000 + observations.utc_offset_seconds as clock_hour,
        first_value(observations.utc_offset_seconds) over (
            partition by observations.place, observations.local_date order by observations.observed_at asc nulls last
        ) as first_offset_seconds,
        first_value(observations.utc_offset_seconds) over (
            partition by observations.place, observations.local_date order by observations.observed_at desc nulls last
        ) as last_offset_seconds,
        first_value(observations.city_name) over (
            partition by observations.place, observations.local_date order by observations.observed_at desc nulls last
        ) as last_city_name
    from observations
    left join precipitation
        on observations.place = precipitation.place
        and observations.observed_at = precipitation.observed_at

),

days as (

    select
        placed.place,
        max(placed.last_city_name) as city_name,
        {%- for name, column in means.items() %}
        cast(
            {{ ratio('sum(placed.' ~ column ~ ')', 'count(placed.' ~ column ~ ')', 6) }} as numeric(18, 6)
        ) as {{ name }},
        {%- endfor %}
        min(placed.temperature_celsius) as temperature_min_celsius,
        max(placed.temperature_celsius) as temperature_max_celsius,
        max(placed.wind_speed_mps) as wind_speed_max_mps,
        max(placed.wind_gust_mps) as wind_gust_max_mps,
        cast(sum(placed.rain_mm) as numeric(18, 6)) as rain_total_mm,
        cast(sum(placed.snow_mm) as numeric(18, 6)) as snow_total_mm,
        coalesce(sum(placed.rain_covered_seconds), 0) as rain_covered_seconds,
        coalesce(sum(placed.snow_covered_seconds), 0) as snow_covered_seconds,
        count(*) as observation_count,
        count(distinct placed.clock_hour) as covered_hours,
        86400 + max(placed.first_offset_seconds) - max(placed.last_offset_seconds) as day_seconds,
        placed.local_date,
        min(placed.observed_at) as first_observed_at,
        max(placed.observed_at) as last_observed_at
    from placed
    group by
        placed.place,
        placed.local_date

)

select
    days.place,
    days.city_name,
    days.temperature_mean_celsius,
    days.temperature_min_celsius,
    days.temperature_max_celsius,
    days.humidity_mean_pct,
    days.pressure_mean_hpa,
    days.wind_speed_mean_mps,
    days.wind_speed_max_mps,
    days.wind_gust_max_mps,
    days.cloudiness_mean_pct,
    days.rain_total_mm,
    days.snow_total_mm,
    cast({{ ratio('days.rain_covered_seconds', '3600', 4) }} as numeric(9, 4)) as rain_covered_hours,
    cast({{ ratio('days.snow_covered_seconds', '3600', 4) }} as numeric(9, 4)) as snow_covered_hours,
    {{ base }} as degree_day_base_celsius,
    -- greatest() passes over nulls: a day without a temperature would come to 0.
    cast(
        case
            when days.temperature_mean_celsius is not null then greatest({{ base }} - days.temperature_mean_celsius, 0)
        end as numeric(18, 6)
    ) as heating_degree_days,
    cast(
        case
            when days.temperature_mean_celsius is not null then greatest(days.temperature_mean_celsius - {{ base }}, 0)
        end as numeric(18, 6)
    ) as cooling_degree_days,
    days.observation_count,
    days.covered_hours,
    cast(
        least(1, {{ ratio('days.covered_hours * 3600', 'days.day_seconds', 6) }}) as numeric(9, 6)
    ) as coverage_share_ratio,
    days.local_date,
    days.first_observed_at,
    days.last_observed_at
from days
