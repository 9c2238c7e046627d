-- An amount is about the hour (or three) that ends with the observation. Answers ten minutes apart speak of the same rain:
-- each counts for the part of its window that follows the last observation before it that speaks of rain (or snow) too.
-- Nothing sent means dry, unless a condition says that it rains (snows) or what was sent cannot be read: then unknown.

{% set kinds = {
    'rain': ['20', '23', '3', '5', '615', '616'],
    'snow': ['6'],
} %}

with

observations as (

    select * from {{ ref('int_weather_observations_metric') }}

),

stated as (

    select
        observations.place,
        observations.observed_at,
        observations.local_date,
        {%- for kind, codes in kinds.items() %}
        case
            when observations.{{ kind }}_1h_mm is not null then 3600
            when observations.{{ kind }}_3h_mm is not null then 10800
            when observations._parse_failures like '%{{ kind }}__h_mm%' then null
            {%- for code in codes %}
            when ', ' || observations.weather_ids like '%, {{ code }}%' then null
            {%- endfor %}
            else 3600
        end as {{ kind }}_window_seconds,
        coalesce(observations.{{ kind }}_1h_mm, observations.{{ kind }}_3h_mm, 0) as {{ kind }}_stated_mm
        {{- ',' if not loop.last }}
        {%- endfor %}
    from observations

),

followed as (

    select
        stated.*,
        {%- for kind in kinds %}
        max(case when stated.{{ kind }}_window_seconds is not null then stated.observed_at end) over (
            partition by stated.place
            order by stated.observed_at nulls last
            rows between unbounded preceding and 1 preceding
        ) as {{ kind }}_spoken_until
        {{- ',' if not loop.last }}
        {%- endfor %}
    from stated

),

covered as (

    select
        followed.*,
        {%- for kind in kinds %}
        case
            when followed.{{ kind }}_window_seconds is not null
                then least(
                    followed.{{ kind }}_window_seconds,
                    coalesce(
                        {{ seconds_between('followed.' ~ kind ~ '_spoken_until', 'followed.observed_at') }},
                        followed.{{ kind }}_window_seconds
                    )
                )
        end as {{ kind }}_covered_seconds
        {{- ',' if not loop.last }}
        {%- endfor %}
    from followed

)

select
    covered.place,
    {%- for kind in kinds %}
    cast(
        {{ ratio(
            'covered.' ~ kind ~ '_stated_mm * covered.' ~ kind ~ '_covered_seconds',
            'covered.' ~ kind ~ '_window_seconds', 6
        ) }}
        as numeric(18, 6)
    ) as {{ kind }}_mm,
    cast(covered.{{ kind }}_covered_seconds as numeric(18, 6)) as {{ kind }}_covered_seconds,
    {%- endfor %}
    covered.local_date,
    covered.observed_at
from covered
