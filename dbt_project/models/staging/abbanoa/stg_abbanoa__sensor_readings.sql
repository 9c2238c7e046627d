{{ config(materialized='view') }}

{{ typed(source('abbanoa', 'sensor_readings')) }}
