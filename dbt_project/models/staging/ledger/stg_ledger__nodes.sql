select
    site_code,
    node_code,
    name,
    stage,
    org_code,
    equipment_code,
    end_use_kind
from {{ source('ledger', 'nodes') }}
