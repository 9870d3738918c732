select
    site_code,
    inspection_no,
    item,
    equipment_code,
    org_code,
    inspected_at,
    inspector,
    result,
    finding,
    severity,
    handled_by,
    handled_on,
    retired_on
from {{ source('ledger', 'inspections') }}
