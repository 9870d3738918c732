select
    site_code,
    energy_code,
    valid_from,
    valid_to,
    name,
    unit,
    class,
    kgce_per_unit,
    kgce_per_unit_equal,
    statistic_code
from {{ source('ledger', 'energies') }}
