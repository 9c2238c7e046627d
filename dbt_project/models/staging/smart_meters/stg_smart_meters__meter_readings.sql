{{ config(materialized='view') }}

{{ typed(source('smart_meters', 'meter_readings')) }}
