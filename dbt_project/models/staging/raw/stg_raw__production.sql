-- The rows of one key are those of the newest batch that speaks of it: a later file corrects an
-- earlier one, and several rows of one key inside one file add up downstream.
with ranked as (
    select
        documents.site_code,
        documents.product_code,
        documents.org_code,
        documents.quantity,
        documents.output_value_cny,
        documents.period_start,
        documents.period_end,
        documents.batch_id,
        documents.line,
        dense_rank() over (
            partition by
                documents.site_code, documents.product_code, documents.period_start, documents.period_end, documents.org_code
            order by documents.batch_id desc
        ) as batch_rank
    from {{ source('raw', 'production') }} as documents
    inner join {{ source('ops', 'batches') }} as batches on documents.batch_id = batches.batch_id
    where batches.status = 'accepted'
)

select
    site_code,
    product_code,
    org_code,
    quantity,
    output_value_cny,
    period_start,
    period_end,
    batch_id,
    line
from ranked
where batch_rank = 1
