select
    site_code,
    meter_code,
    name,
    energy_code,
    reading_kind,
    unit,
    location,
    level,
    multiplier,
    round(interval_us / 60000000.0, 6) as interval_minutes
from {{ ref('stg_ledger__meters') }}
