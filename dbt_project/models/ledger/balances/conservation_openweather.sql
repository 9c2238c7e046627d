-- What becomes of weather answers after raw. Temperatures cannot be added up, so rows are balanced.

with

raw_loads as (

    select * from {{ ref('conservation_raw_loads') }}
    where source = 'openweather'
        and table_name = 'weather_observations'

),

versions as (

    select * from {{ ref('int_weather_observation_versions') }}

),

observations as (

    select * from {{ ref('fct_weather_observations') }}

),

daily as (

    select * from {{ ref('fct_weather_daily') }}

),

loaded as (

    select coalesce(sum(raw_loads.raw_rows), 0) as raw_rows
    from raw_loads

),

judged as (

    select
        count(*) filter (where versions.status = 'kept') as kept_rows,
        count(*) filter (where versions.status = 'superseded') as superseded_rows,
        count(*) filter (where versions.status = 'rejected') as rejected_rows
    from versions

),

standing as (

    select
        count(*) as standing_rows,
        count(*) filter (where observations.local_date is null) as undated_rows
    from observations

),

counted as (

    select coalesce(sum(daily.observation_count), 0) as counted_rows
    from daily

)

{{ balance(
    'openweather', 'raw weather_observations to latest versions', 'rows',
    'loaded.raw_rows', 'judged.kept_rows', superseded='judged.superseded_rows', rejected='judged.rejected_rows'
) }}
from loaded
cross join judged

union all

{{ balance(
    'openweather', 'latest versions to fct_weather_observations', 'rows',
    'judged.kept_rows', 'standing.standing_rows'
) }}
from judged
cross join standing

union all

{{ balance(
    'openweather', 'fct_weather_observations to fct_weather_daily', 'rows',
    'standing.standing_rows', 'counted.counted_rows', unmapped='standing.undated_rows'
) }}
from standing
cross join counted
