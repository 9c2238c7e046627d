select
    one.meterpoint_id,
    one.effective_from,
    other.effective_from as other_effective_from
from {{ ref('int_agreement_segments') }} as one
inner join {{ ref('int_agreement_segments') }} as other
    on one.meterpoint_id = other.meterpoint_id
    and one.effective_from < other.effective_from
    and other.effective_from < one.effective_until
