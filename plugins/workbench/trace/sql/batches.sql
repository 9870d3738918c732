-- The batches that readings, documents or coefficients came in: file, checksum, when it landed, what became of it.
-- site_code, batch_ids
select
    batch_id,
    kind,
    source,
    file,
    sha256,
    received_at,
    status,
    status_reason,
    rows_total,
    rows_landed,
    rows_rejected,
    load_id
from ops.batches
where site_code = %(site_code)s::text and batch_id = any(%(batch_ids)s::bigint[])
order by batch_id
