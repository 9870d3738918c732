select
    site_code,
    equipment_code,
    name,
    org_code,
    category,
    energy_code
from {{ source('ledger', 'equipment') }}
