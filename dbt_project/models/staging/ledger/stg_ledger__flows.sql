select
    site_code,
    flow_code,
    energy_code,
    from_node,
    to_node,
    level,
    item,
    measured_by,
    org_code,
    equipment_code,
    product_code,
    retired_on
from {{ source('ledger', 'flows') }}
