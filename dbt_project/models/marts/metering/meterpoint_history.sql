with

snapshots as (

    select * from {{ ref('stg_smart_meters__meterpoints') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}
    where table_name = 'meterpoints'

),

{{ history('snapshots', 'deliveries', key='meterpoint_id', attributes=['region']) }}

select
    versions.meterpoint_id,
    versions.region,
    versions.change,
    versions.version_number,
    versions.delivered_rows,
    versions.is_current,
    versions.is_delivered,
    versions.valid_from,
    versions.valid_until,
    versions._source_file,
    versions._source_row,
    versions._dlt_load_id
from versions
