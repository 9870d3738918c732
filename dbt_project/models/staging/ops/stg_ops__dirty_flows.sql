select
    site_code,
    flow_code,
    is_taken,
    starts_at,
    ends_at
from {{ source('ops', 'dirty_flows') }}
