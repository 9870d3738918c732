select
    site_code,
    data_code,
    destination,
    kind,
    code,
    coefficient
from {{ source('ledger', 'upload_terms') }}
