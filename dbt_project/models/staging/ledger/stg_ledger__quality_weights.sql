select
    site_code,
    part,
    weight,
    source,
    valid_from,
    valid_to
from {{ source('ledger', 'quality_weights') }}
