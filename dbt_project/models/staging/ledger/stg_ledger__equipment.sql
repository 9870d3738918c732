select
    site_code,
    equipment_code,
    name,
    org_code,
    category,
    energy_code,
    model,
    location,
    rated_power_kw,
    auxiliary_model,
    efficiency_grade,
    commissioned_on,
    retired_on
from {{ source('ledger', 'equipment') }}
