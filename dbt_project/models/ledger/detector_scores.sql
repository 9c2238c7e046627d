-- What was measured on generated worlds, beside what this warehouse's own build told. A world's counts are added before
-- they are divided: a mean of its shares would count a world with one fault as much as one with ten.

with

trials as (

    select * from {{ ref('detector_trials') }}

),

anomalies as (

    select * from {{ ref('anomalies') }}

),

tried as (

    select
        trials.anomaly_type,
        cast(count(*) as bigint) as world_count,
        cast(sum(trials.planted_count) as bigint) as planted_count,
        cast(sum(trials.found_count) as bigint) as found_count,
        cast(sum(trials.told_count) as bigint) as told_count,
        cast(sum(trials.right_count) as bigint) as right_count
    from trials
    group by trials.anomaly_type

),

told_here as (

    select
        anomalies.anomaly_type,
        count(*) as anomaly_count,
        count(case when anomalies.severity = 'critical' then 1 end) as critical_count
    from anomalies
    group by anomalies.anomaly_type

),

kinds as (

    select tried.anomaly_type
    from tried
    union distinct
    select told_here.anomaly_type
    from told_here

)

select
    {{ as_text('kinds.anomaly_type') }} as anomaly_type,
    tried.world_count,
    tried.planted_count,
    tried.found_count,
    tried.told_count,
    tried.right_count,
    cast({{ ratio('tried.right_count', 'tried.told_count', 6) }} as numeric(9, 6)) as precision_ratio,
    cast({{ ratio('tried.found_count', 'tried.planted_count', 6) }} as numeric(9, 6)) as recall_ratio,
    cast(coalesce(told_here.anomaly_count, 0) as bigint) as anomaly_count,
    cast(coalesce(told_here.critical_count, 0) as bigint) as critical_count
from kinds
left join tried on kinds.anomaly_type = tried.anomaly_type
left join told_here on kinds.anomaly_type = told_here.anomaly_type
