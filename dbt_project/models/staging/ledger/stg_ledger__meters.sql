select
    site_code,
    meter_code,
    name,
    energy_code,
    reading_kind,
    unit,
    multiplier,
    register_max,
    round(interval_minutes * 60000000)::bigint as interval_us,
    interval_label,
    max_per_hour,
    level,
    location
from {{ source('ledger', 'meters') }}
