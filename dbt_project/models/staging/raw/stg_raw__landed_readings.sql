-- Every reading that landed, of whatever batch.
select
    site_code,
    meter_code,
    quality,
    value,
    revision,
    batch_id,
    line,
    read_at,
    {{ microseconds('read_at') }} as read_us
from {{ source('raw', 'readings') }}
