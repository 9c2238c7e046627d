{{ config(materialized='view') }}

{{ typed(source('abbanoa', 'sensor_logs')) }}
