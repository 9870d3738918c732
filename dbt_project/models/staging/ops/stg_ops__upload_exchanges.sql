select
    site_code,
    destination,
    kind,
    outcome,
    duration_ms,
    row_count,
    bytes_sent,
    bytes_received,
    started_at
from {{ source('ops', 'upload_exchanges') }}
