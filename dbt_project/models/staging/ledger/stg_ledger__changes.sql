select
    site_code,
    change_id,
    table_name,
    row_key,
    operation,
    before,
    after,
    changed_by,
    reason,
    batch_id,
    changed_at
from {{ source('ledger', 'changes') }}
