select
    site_code,
    energy_code,
    valid_from,
    valid_to,
    kj_per_unit,
    laboratory
from {{ source('ledger', 'calorific_values') }}
