{{ typed(source('openweather', 'weather_observations')) }}
