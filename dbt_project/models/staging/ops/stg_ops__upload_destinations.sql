select
    site_code,
    destination,
    profile,
    is_enabled,
    created_at
from {{ source('ops', 'upload_destinations') }}
