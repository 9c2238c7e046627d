-- A changed key leaves several pseudonyms for one original: the newest stands, so that everything joins by one key.

with

pseudonyms as (

    select * from {{ ref('stg_landing__pseudonyms') }}

),

ranked as (

    select
        original,
        pseudonym,
        key_id,
        row_number() over (
            partition by original
            order by {{ by_bytes('_dlt_load_id') }} desc nulls last, {{ by_bytes('key_id') }} desc nulls last
        ) as versions_ago
    from pseudonyms

)

select
    original,
    pseudonym,
    key_id
from ranked
where versions_ago = 1
