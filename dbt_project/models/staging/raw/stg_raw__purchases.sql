-- The rows of one key are those of the newest batch that speaks of it: a later file corrects an
-- earlier one, and several rows of one key inside one file add up downstream.
with ranked as (
    select
        documents.site_code,
        documents.energy_code,
        documents.supplier,
        documents.usage,
        documents.kind,
        documents.quantity,
        documents.amount_cny,
        documents.date,
        documents.batch_id,
        documents.line,
        dense_rank() over (
            partition by documents.site_code, documents.energy_code, documents.date, documents.kind
            order by documents.batch_id desc
        ) as batch_rank
    from {{ source('raw', 'purchases') }} as documents
    inner join {{ source('ops', 'batches') }} as batches on documents.batch_id = batches.batch_id
    where batches.status = 'accepted'
)

select
    site_code,
    energy_code,
    supplier,
    usage,
    kind,
    quantity,
    amount_cny,
    date,
    batch_id,
    line
from ranked
where batch_rank = 1
