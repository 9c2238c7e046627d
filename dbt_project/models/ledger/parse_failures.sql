-- Every raw table with a staging model is here without an edit: int_parse_failures walks the project.

with

failing as (

    select
        source,
        table_name,
        unnest({{ split_text('_parse_failures', 'chr(30)') }}) as entry,
        _source_file,
        _source_row,
        _dlt_load_id
    from {{ ref('int_parse_failures') }}
    where _parse_failures is not null

),

named as (

    select
        source,
        table_name,
        split_part(entry, chr(31), 1) as column_name,
        substr(entry, length(split_part(entry, chr(31), 1)) + 2) as original_text,
        _source_file,
        _source_row,
        _dlt_load_id
    from failing

),

files as (

    select
        source,
        table_name,
        source_file,
        min(uri) as uri
    from {{ ref('stg_landing__files') }}
    group by source, table_name, source_file

),

declared as (

    select
        source,
        table_name,
        column_name,
        string_agg(raw_column, ' or ' order by raw_column asc nulls last) as raw_column,
        max(pii) as pii
    from (
        {{ declared_columns() }}
    ) as dictionary
    group by source, table_name, column_name

)

select
    named.source,
    named.table_name,
    named.column_name,
    declared.raw_column,
    case
        when declared.pii = 'none' then named.original_text
        else '(' || length(named.original_text) || ' characters)'
    end as original_text,
    files.uri,
    coalesce(declared.pii <> 'none', true) as is_masked,
    named._source_file,
    named._source_row,
    named._dlt_load_id
from named
left join declared
    on named.source = declared.source
    and named.table_name = declared.table_name
    and named.column_name = declared.column_name
left join files
    on named.source = files.source
    and named.table_name = files.table_name
    and named._source_file = files.source_file
