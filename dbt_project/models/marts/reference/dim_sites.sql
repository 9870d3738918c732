select
    site_code,
    name,
    timezone,
    region_code,
    industry_code,
    day_start,
    month_start_day
from {{ ref('stg_ledger__sites') }}
