select
    site_code,
    equipment_code,
    name,
    org_code,
    category,
    energy_code
from {{ ref('stg_ledger__equipment') }}
