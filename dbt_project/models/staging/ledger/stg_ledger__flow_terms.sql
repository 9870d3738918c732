select
    site_code,
    flow_code,
    meter_code,
    coefficient
from {{ source('ledger', 'flow_terms') }}
