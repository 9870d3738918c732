select
    site_code,
    org_code,
    name,
    parent_code,
    kind
from {{ ref('stg_ledger__org_units') }}
