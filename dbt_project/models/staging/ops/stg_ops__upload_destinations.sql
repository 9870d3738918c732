select
    site_code,
    destination,
    profile,
    is_enabled,
    (options ->> 'since')::date as since,
    created_at
from {{ source('ops', 'upload_destinations') }}
