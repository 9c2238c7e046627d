with

agreements as (

    select * from {{ ref('stg_smart_meters__agreements') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}

),

pseudonyms as (

    select * from {{ ref('int_pseudonyms') }}

),

current_contents as (

    select
        agreements.meterpoint_id,
        agreements.product_id,
        agreements.account_id,
        agreements.agreement_id,
        agreements.agreement_valid_from as valid_from,
        agreements.agreement_valid_to as valid_to,
        count(*) as delivered_rows,
        min(agreements._source_row) as _source_row,
        agreements._source_file,
        agreements._dlt_load_id
    from agreements
    inner join deliveries
        on deliveries.table_name = 'agreements'
        and deliveries.is_current
        and agreements._dlt_load_id = deliveries._dlt_load_id
        and agreements._source_file = deliveries._source_file
    group by
        agreements.meterpoint_id,
        agreements.product_id,
        agreements.account_id,
        agreements.agreement_id,
        agreements.agreement_valid_from,
        agreements.agreement_valid_to,
        agreements._source_file,
        agreements._dlt_load_id

),

judged as (

    select
        current_contents.*,
        case
            when current_contents.meterpoint_id is null then 'no_meterpoint'
            when current_contents.valid_from is null then 'no_start'
            when current_contents.valid_to < current_contents.valid_from then 'inverted'
            when current_contents.valid_to = current_contents.valid_from then 'zero_length'
            else 'ok'
        end as period_quality
    from current_contents

),

crossings as (

    select
        one._source_row,
        count(*) as overlap_count
    from judged as one
    inner join judged as other
        on one.meterpoint_id = other.meterpoint_id
        and one._source_row <> other._source_row
        and (other.valid_to is null or one.valid_from < other.valid_to)
        and (one.valid_to is null or other.valid_from < one.valid_to)
    where one.period_quality = 'ok'
        and other.period_quality = 'ok'
    group by one._source_row

)

select
    {{ md5_text(
        "coalesce(cast(judged.agreement_id as " ~ dbt.type_string() ~ "), '') || '|' || "
        ~ "coalesce(judged.meterpoint_id, '') || '|' || coalesce(judged.product_id, '') || '|' || "
        ~ "coalesce(pseudonyms.pseudonym, '') || '|' || "
        ~ "coalesce(cast(judged.valid_from as " ~ dbt.type_string() ~ "), '') || '|' || "
        ~ "coalesce(cast(judged.valid_to as " ~ dbt.type_string() ~ "), '')"
    ) }} as agreement_key,
    pseudonyms.pseudonym as account_key,
    judged.meterpoint_id,
    judged.product_id,
    judged.period_quality,
    judged.agreement_id,
    judged.delivered_rows,
    coalesce(crossings.overlap_count, 0) as overlap_count,
    judged.period_quality = 'ok' as is_matchable,
    judged.valid_from,
    judged.valid_to,
    judged._source_file,
    judged._source_row,
    judged._dlt_load_id
from judged
left join crossings on judged._source_row = crossings._source_row
left join pseudonyms on judged.account_id = pseudonyms.original
