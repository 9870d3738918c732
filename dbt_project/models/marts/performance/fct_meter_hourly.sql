select
    site_code,
    meter_code,
    quantity,
    coverage,
    estimated_quantity,
    hour_start
from {{ ref('int_meters__hours') }}
where quantity is not null
