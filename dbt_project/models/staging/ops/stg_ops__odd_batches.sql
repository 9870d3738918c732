-- Batches of readings that are not simply accepted and of the past: a landed one waits for the gate, a held one for a
-- person, and one that reaches beyond its arrival has readings of the future. Few, and indexed (batches_odd).
select
    site_code,
    batch_id,
    status,
    received_at
from {{ source('ops', 'batches') }}
where
    kind = 'readings'
    and (
        status in ('landed', 'held')
        or last_read_at is null
        or last_read_at - received_at > interval '5 minutes'
    )
