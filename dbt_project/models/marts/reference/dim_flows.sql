select
    site_code,
    flow_code,
    energy_code,
    from_node,
    to_node,
    level,
    item,
    {{ item_name('item') }} as item_name,
    measured_by,
    org_code,
    equipment_code,
    product_code
from {{ ref('stg_ledger__flows') }}
