{{ config(materialized='view') }}

{{ typed(source('energy_transfer', 'operational_capacity')) }}
