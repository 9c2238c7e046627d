-- What deliveries sent against what staging declares. Lists of columns repeat from file to file: each is looked at once.

with

files as (

    select
        source,
        table_name,
        columns,
        uri,
        landed_at,
        _dlt_load_id
    from {{ ref('stg_landing__files') }}
    where columns is not null

),

dictionary as (

    {{ declared_columns() }}

),

shapes as (

    select
        source,
        table_name,
        columns,
        count(*) as files,
        min({{ by_bytes('_dlt_load_id') }}) as first_load_id,
        max({{ by_bytes('_dlt_load_id') }}) as last_load_id,
        min(landed_at) as first_landed_at,
        max(landed_at) as last_landed_at,
        min(uri) as an_uri
    from files
    group by source, table_name, columns

),

sent as (

    select
        source,
        table_name,
        columns,
        unnest({{ json_list('columns') }}) as sent_name
    from shapes

),

matched as (

    select
        sent.source,
        sent.table_name,
        sent.columns,
        sent.sent_name,
        dictionary.column_name,
        dictionary.raw_column
    from sent
    left join dictionary
        on sent.source = dictionary.source
        and sent.table_name = dictionary.table_name
        and {{ bare_name('sent.sent_name') }} = {{ bare_name('dictionary.raw_column') }}

),

unexpected as (

    select
        source,
        table_name,
        columns,
        sent_name as column_name,
        case when raw_column is null then 'undeclared' else 'respelled' end as kind,
        raw_column as declared_as
    from matched
    where raw_column is null
        -- Socrata's :id is _id in raw; that is no change of spelling.
        or translate(sent_name, ':', '_') <> raw_column

),

missing as (

    select
        shapes.source,
        shapes.table_name,
        shapes.columns,
        min(dictionary.raw_column) as column_name,
        'missing' as kind,
        min(dictionary.raw_column) as declared_as
    from shapes
    inner join dictionary
        on shapes.source = dictionary.source
        and shapes.table_name = dictionary.table_name
    left join matched
        on shapes.source = matched.source
        and shapes.table_name = matched.table_name
        and shapes.columns = matched.columns
        and dictionary.column_name = matched.column_name
    where matched.column_name is null
        and not dictionary.is_optional
    group by shapes.source, shapes.table_name, shapes.columns, dictionary.column_name

),

drift as (

    select * from unexpected
    union all
    select * from missing

),

latest as (

    select
        source,
        table_name,
        max({{ by_bytes('_dlt_load_id') }}) as last_load_id
    from files
    group by source, table_name

)

select
    drift.source,
    drift.table_name,
    drift.column_name,
    drift.kind,
    drift.declared_as,
    cast(sum(shapes.files) as bigint) as files,
    max(shapes.last_load_id) = max(latest.last_load_id) as is_current,
    min(shapes.first_landed_at) as first_landed_at,
    max(shapes.last_landed_at) as last_landed_at,
    min(shapes.first_load_id) as first_load_id,
    max(shapes.last_load_id) as last_load_id,
    min(shapes.an_uri) as example_uri
from drift
inner join shapes
    on drift.source = shapes.source
    and drift.table_name = shapes.table_name
    and drift.columns = shapes.columns
inner join latest
    on drift.source = latest.source
    and drift.table_name = latest.table_name
group by drift.source, drift.table_name, drift.column_name, drift.kind, drift.declared_as
