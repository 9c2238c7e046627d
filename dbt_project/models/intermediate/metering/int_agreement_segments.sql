-- Overlapping agreements are cut at every boundary and each piece goes to one of them, so that a read finds at most one
-- and is never counted twice. The rule: the latest start wins, then the highest agreement id.

with

periods as (

    select
        int_agreement_periods.*,
        coalesce(int_agreement_periods.valid_to, cast('9999-12-31' as date)) as valid_until
    from {{ ref('int_agreement_periods') }} as int_agreement_periods
    where int_agreement_periods.is_matchable

),

boundaries as (

    select
        periods.meterpoint_id,
        periods.valid_from as boundary
    from periods

    union

    select
        periods.meterpoint_id,
        periods.valid_until as boundary
    from periods

),

pieces as (

    select
        boundaries.meterpoint_id,
        boundaries.boundary as effective_from,
        lead(boundaries.boundary) over (
            partition by boundaries.meterpoint_id order by boundaries.boundary nulls last
        ) as effective_until
    from boundaries

),

claims as (

    select
        pieces.meterpoint_id,
        periods.agreement_key,
        periods.product_id,
        periods.agreement_id,
        count(*) over (partition by pieces.meterpoint_id, pieces.effective_from) as claim_count,
        row_number() over (
            partition by pieces.meterpoint_id, pieces.effective_from
            order by
                periods.valid_from desc nulls last,
                periods.agreement_id desc nulls last,
                periods._source_row desc nulls last
        ) as claim_rank,
        pieces.effective_from,
        pieces.effective_until
    from pieces
    inner join periods
        on pieces.meterpoint_id = periods.meterpoint_id
        and pieces.effective_from >= periods.valid_from
        and pieces.effective_until <= periods.valid_until

)

select
    claims.meterpoint_id,
    claims.agreement_key,
    claims.product_id,
    claims.agreement_id,
    claims.claim_count > 1 as is_contested,
    claims.effective_from,
    claims.effective_until
from claims
where claims.claim_rank = 1
