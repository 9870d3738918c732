select
    site_code,
    meter_code,
    is_taken,
    starts_at,
    ends_at
from {{ source('ops', 'dirty_meters') }}
