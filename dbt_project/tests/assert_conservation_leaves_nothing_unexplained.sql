select * from {{ ref('conservation') }}
where unexplained <> 0
