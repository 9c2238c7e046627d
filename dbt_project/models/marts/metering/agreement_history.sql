-- The account stands here as its pseudonym of today, in old versions too: a new pseudonym key is no change of an agreement.

with

agreements as (

    select * from {{ ref('stg_smart_meters__agreements') }}

),

pseudonyms as (

    select * from {{ ref('int_pseudonyms') }}

),

deliveries as (

    select * from {{ ref('int_reference_deliveries') }}
    where table_name = 'agreements'

),

snapshots as (

    select
        agreements.agreement_id,
        pseudonyms.pseudonym as account_key,
        agreements.meterpoint_id,
        agreements.product_id,
        agreements.agreement_valid_from,
        agreements.agreement_valid_to,
        agreements._source_file,
        agreements._source_row,
        agreements._dlt_load_id
    from agreements
    left join pseudonyms on agreements.account_id = pseudonyms.original

),

{{ history(
    'snapshots', 'deliveries', key='agreement_id',
    attributes=['account_key', 'meterpoint_id', 'product_id', 'agreement_valid_from', 'agreement_valid_to']
) }}

select
    versions.account_key,
    versions.meterpoint_id,
    versions.product_id,
    versions.change,
    versions.agreement_id,
    versions.version_number,
    versions.delivered_rows,
    versions.is_current,
    versions.is_delivered,
    versions.agreement_valid_from,
    versions.agreement_valid_to,
    versions.valid_from,
    versions.valid_until,
    versions._source_file,
    versions._source_row,
    versions._dlt_load_id
from versions
