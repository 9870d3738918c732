select
    site_code,
    destination,
    data_code,
    stat_type,
    stat_date,
    version,
    acked_at
from {{ source('ops', 'upload_sent_values') }}
