with

observations as (

    select * from {{ ref('int_weather_observations_metric') }}

)

select
    observations.place,
    observations.city_name,
    observations.country_code,
    observations.weather_main,
    observations.weather_description,
    observations.weather_icon,
    observations.weather_mains,
    observations.weather_ids,
    observations.units as requested_units,
    observations.city_id,
    observations.weather_id,
    observations.weather_item_count,
    observations.utc_offset_seconds,
    observations.longitude,
    observations.latitude,
    observations.temperature_celsius,
    observations.feels_like_celsius,
    observations.temperature_min_celsius,
    observations.temperature_max_celsius,
    observations.pressure_hpa,
    observations.sea_level_pressure_hpa,
    observations.ground_level_pressure_hpa,
    observations.humidity_pct,
    observations.visibility_m,
    observations.wind_speed_mps,
    observations.wind_direction_deg,
    observations.wind_gust_mps,
    observations.cloudiness_pct,
    observations.rain_1h_mm,
    observations.rain_3h_mm,
    observations.snow_1h_mm,
    observations.snow_3h_mm,
    observations.local_date,
    observations.logical_date,
    observations.observed_at,
    observations.observed_at_local,
    observations.sunrise_at,
    observations.sunset_at,
    observations._source_file,
    observations._source_row,
    observations._dlt_load_id
from observations
