-- One row per uploaded item and flow or meter that it counts on: those of its expression, or else its flow.
select site_code, data_code, destination, kind, code, coefficient
from {{ ref('stg_ledger__upload_terms') }}
union all
select site_code, data_code, destination, 'flow' as kind, flow_code as code, 1::numeric as coefficient
from {{ ref('stg_ledger__upload_items') }}
where flow_code is not null and expression is null
