select
    site_code,
    org_code,
    name,
    parent_code,
    kind
from {{ source('ledger', 'org_units') }}
