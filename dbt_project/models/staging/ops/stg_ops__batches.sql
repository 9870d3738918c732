-- Batches that count.
select
    site_code,
    batch_id,
    kind,
    source,
    file,
    actor,
    reason,
    received_at,
    judged_at
from {{ source('ops', 'batches') }}
where status = 'accepted'
