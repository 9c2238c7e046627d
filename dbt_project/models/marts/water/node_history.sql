with

periods as (

    select * from {{ ref('int_node_periods') }}

)

select
    {{ md5_text("periods.node_id || chr(31) || cast(periods.listed_from as text)") }} as node_version_key,
    periods.node_id,
    periods.node_name,
    periods.node_type,
    periods.district_id,
    periods.district_name,
    periods.location_name,
    periods.channel_prefix,
    periods.metadata,
    periods.latitude,
    periods.longitude,
    periods.expected_interval_minutes,
    periods.is_listed,
    periods.is_active,
    periods.holds_until = cast('9999-12-31' as date) as is_current,
    periods.installation_date,
    periods.last_maintenance_date,
    periods.listed_from as valid_from,
    nullif(periods.holds_until, cast('9999-12-31' as date)) as valid_until,
    periods._source_file,
    periods._source_row,
    periods._dlt_load_id
from periods
