select
    site_code,
    meter_code,
    {{ microseconds("greatest(frozen_before, '" ~ var('first_day') ~ "')") }} as frozen_us
from {{ source('ops', 'retention_edges') }}
