-- A retired row was withdrawn and says nothing any more.
select
    site_code,
    data_code,
    stat_type,
    stat_date,
    destination,
    value,
    reason
from {{ source('ledger', 'upload_values') }}
where retired_on is null
