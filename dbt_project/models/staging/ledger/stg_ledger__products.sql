select
    site_code,
    product_code,
    name,
    unit
from {{ source('ledger', 'products') }}
