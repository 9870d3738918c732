select
    site_code,
    name,
    timezone,
    day_start,
    month_start_day,
    region_code,
    industry_code
from {{ source('ledger', 'sites') }}
