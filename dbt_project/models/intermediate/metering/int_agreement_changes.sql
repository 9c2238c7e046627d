{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        full_refresh=(true if var('known_at', none) else none),
    )
}}

-- What each delivery changed. A later run reads new deliveries only and compares the first of them with the content that
-- stood at the end of this log.

{% set watermark = load_watermark(this, '_dlt_load_id') or "''" %}

with

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}
    where table_name = 'agreements'
        {% if is_incremental() -%}
        and _dlt_load_id > {{ watermark }}
        {%- endif %}

),

agreements as (

    select * from {{ ref('stg_smart_meters__agreements') }}
    {% if is_incremental() -%}
    where _dlt_load_id > {{ watermark }}
    {%- endif %}

),

numbered_deliveries as (

    select
        deliveries._source_file,
        deliveries._dlt_load_id,
        row_number() over (order by {{ delivery_order('deliveries') }}) as delivery_number
    from deliveries

),

delivered_contents as (

    select
        numbered_deliveries.delivery_number,
        agreements.agreement_id,
        agreements.meterpoint_id,
        agreements.product_id,
        agreements.agreement_valid_from as valid_from,
        agreements.agreement_valid_to as valid_to
    from agreements
    inner join numbered_deliveries
        on agreements._dlt_load_id = numbered_deliveries._dlt_load_id
        and agreements._source_file = numbered_deliveries._source_file
    where agreements.meterpoint_id is not null
    group by
        numbered_deliveries.delivery_number,
        agreements.agreement_id,
        agreements.meterpoint_id,
        agreements.product_id,
        agreements.agreement_valid_from,
        agreements.agreement_valid_to

),

{% if is_incremental() -%}
logged_changes as (

    select
        logged.*,
        row_number() over (
            partition by logged.content_key
            order by logged._dlt_load_id desc nulls last, {{ by_bytes('logged._source_file') }} desc nulls last
        ) as changes_ago
    from {{ this }} as logged

),

{% endif -%}

contents as (

    select
        delivered_contents.*,
        {{ md5_text(
            "coalesce(cast(delivered_contents.agreement_id as " ~ dbt.type_string() ~ "), '') || '|' || "
            ~ "coalesce(delivered_contents.meterpoint_id, '') || '|' || "
            ~ "coalesce(delivered_contents.product_id, '') || '|' || "
            ~ "coalesce(cast(delivered_contents.valid_from as " ~ dbt.type_string() ~ "), '') || '|' || "
            ~ "coalesce(cast(delivered_contents.valid_to as " ~ dbt.type_string() ~ "), '')"
        ) }} as content_key
    from delivered_contents
    {% if is_incremental() %}
    union all

    select
        0 as delivery_number,
        logged_changes.agreement_id,
        logged_changes.meterpoint_id,
        logged_changes.product_id,
        logged_changes.valid_from,
        logged_changes.valid_to,
        logged_changes.content_key
    from logged_changes
    where logged_changes.changes_ago = 1
        and logged_changes.change = 'added'
    {% endif %}

),

neighbours as (

    select
        contents.*,
        lag(contents.delivery_number) over (
            partition by contents.content_key order by contents.delivery_number nulls last
        ) as previous_number,
        lead(contents.delivery_number) over (
            partition by contents.content_key order by contents.delivery_number nulls last
        ) as next_number
    from contents

),

changes as (

    select
        neighbours.*,
        'added' as change,
        neighbours.delivery_number as changed_in_number
    from neighbours
    where neighbours.previous_number is distinct from neighbours.delivery_number - 1

    union all

    select
        neighbours.*,
        'removed' as change,
        neighbours.delivery_number + 1 as changed_in_number
    from neighbours
    where neighbours.next_number is distinct from neighbours.delivery_number + 1

)

-- The joins keep what happened in a delivery of this run: content known before (number 0) is not added again, and what the
-- last delivery holds is not removed by one that has not come.
select
    changes.content_key,
    changes.meterpoint_id,
    changes.product_id,
    changes.change,
    changes.agreement_id,
    changes.valid_from,
    changes.valid_to,
    numbered_deliveries._source_file,
    numbered_deliveries._dlt_load_id
from changes
inner join numbered_deliveries on changes.changed_in_number = numbered_deliveries.delivery_number
