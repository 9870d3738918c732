select
    site_code,
    code,
    name,
    valid_from,
    valid_to
from {{ source('ledger', 'jjf1051_codes') }}
